"""What every test needs before it is read, and what none leaves behind."""

from collections.abc import Iterator

# Before TensorFlow, which makes the models of some: libsrtp crashes while it begins in a process
# that has TensorFlow's copy of OpenSSL already. See WebrtcSink.
import pylibsrtp  # noqa: F401
import pytest
import structlog


@pytest.fixture(autouse=True)
def _the_log_as_it_was() -> Iterator[None]:
    """Some tests make the log quieter; the next one may listen to it."""
    yield
    structlog.reset_defaults()
