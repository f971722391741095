"""What every test needs before it is read, and what none leaves behind."""

import sys
from collections.abc import Iterator

# Before TensorFlow, which makes the models of some: libsrtp crashes while it begins in a process
# that has TensorFlow's copy of OpenSSL already. See WebrtcSink.
import pylibsrtp  # noqa: F401
import pytest
import structlog


@pytest.fixture(autouse=True)
def _the_log_as_it_was() -> Iterator[None]:
    """Some tests make the log quieter; the next one may listen to it.

    It goes where framewire's goes: a thread of an earlier test may come back from where it hung,
    and what it logs is no output of the command that is tested meanwhile.
    """
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    yield
    structlog.reset_defaults()
