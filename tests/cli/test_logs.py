"""What is logged, and what is not."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from pipeline import logs
from pipeline.config import Secrets

SECRETS = Secrets({"PW": "hunter2222", "SHORT": "auto"})


class Terminal(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_machine_reads_one_object_a_line() -> None:
    out = io.StringIO()
    logs.configure(out=out)
    structlog.get_logger().info("capture: lost", stream="lobby", seconds=1.5, path=Path("a/b"))
    (line,) = lines(out)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line["event"] == "capture: lost"
    assert (line["level"], line["stream"], line["seconds"]) == ("info", "lobby", 1.5)
    assert line["path"] == "a/b"


def test_a_person_reads_text() -> None:
    out = Terminal()
    logs.configure(out=out)
    structlog.get_logger().warning("capture: lost", stream="lobby")
    assert "capture: lost" in out.getvalue()
    assert "\x1b[" in out.getvalue()


@pytest.mark.parametrize("human", [True, False])
def test_no_secret_is_written_however_deep_it_lies(human: bool) -> None:
    out = io.StringIO()
    logs.configure("debug", SECRETS, out=out, human=human)
    log = structlog.get_logger().bind(url="redis://:hunter2222@h/0")
    log.info("said hunter2222", deep={"a": [("hunter2222",), {"b": "xhunter2222x"}]}, device="auto")
    log.info("an error", error=ValueError("bad hunter2222"), other="rtsp://u:pw1@cam/x?token=t2")
    try:
        int("hunter2222")
    except ValueError:
        log.exception("failed")
    logging.getLogger("library").warning("it has %s", "hunter2222")
    for secret in ("hunter2222", "pw1", "t2"):
        assert secret not in out.getvalue()
    assert out.getvalue().count("${PW}") >= 7
    assert "${SHORT}" in out.getvalue()


def test_a_library_is_heard_when_it_warns() -> None:
    out = io.StringIO()
    logs.configure(out=out)
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("trouble")
    (line,) = lines(out)
    assert (line["event"], line["logger"], line["level"]) == ("trouble", "library", "warning")


def test_less_than_the_level_is_not_written() -> None:
    out = io.StringIO()
    logs.configure("error", out=out)
    structlog.get_logger().warning("no")
    logging.getLogger("library").warning("no")
    assert out.getvalue() == ""


def test_set_up_twice_it_still_writes_once() -> None:
    out = io.StringIO()
    logs.configure(out=io.StringIO())
    logs.configure(out=out)
    logging.getLogger("library").warning("once")
    structlog.get_logger().info("twice")
    assert [line["event"] for line in lines(out)] == ["once", "twice"]


def test_standard_error_is_looked_up_when_a_line_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure()
    structlog.get_logger().info("hello")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "hello"


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted debug, info, warning, error, got 'loud'"):
        logs.configure("loud")
