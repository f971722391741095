"""`framewire top`: what it shows of an instance, and how it asks for that."""

import asyncio
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from rich.console import Console

from pipeline.ledger import Balance
from pipeline.remote import Away, BadAddress, asking
from pipeline.report import EventReport, Latencies, NodeReport, Report, StreamReport
from pipeline.server import serving
from pipeline.top import View

ROOT = Path(__file__).parents[2]
LIMIT = 30.0  # seconds after which a test gives up
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def stream(captured: int = 0, *, connected: bool = True) -> StreamReport:
    return StreamReport(connected, captured, 0.0, {}, 0, 0.0, 1)


def node(done: int = 0, **more: object) -> NodeReport:
    total = Balance(done + 3, done, {"full": 2}, {"hung": 1}, 0)
    return msgspec.structs.replace(NodeReport(0.0, total, {"a": total}), **more)


def told(seconds: float = 10.0, frames: int = 100, **more: object) -> Report:
    """A report of one stream, one stage, one sink."""
    made = Report(
        seconds, True, {"a": stream(frames)},
        {
            "detect": node(frames, ms=12.5, busy=0.3, depth=2),
            "page": node(frames, latency=Latencies(frames, 10.0, 20.5, 30.0)),
        },
        {}, None, 200.0, seconds / 2, {"framewire": "1.2.3"},
        rss_mb=150.0, threads=7, processes=2,
        recent=[EventReport("source.lost", "a", {"error": "gone"}, AT)],
    )  # fmt: skip
    return msgspec.structs.replace(made, **more)


def seen(view: View, width: int = 130, height: int = 40) -> str:
    """What is on the screen."""
    console = Console(width=width, height=height, force_terminal=False, color_system=None)
    with console.capture() as captured:
        console.print(view.picture((width, height), 100.0))
    return captured.get()


def row(text: str, name: str) -> list[str]:
    return next(line for line in text.splitlines() if f" {name} " in line).split()


def test_it_shows_rates_since_the_last_look_and_what_it_costs() -> None:
    view = View("http://here")
    view.take(told(10.0, 100), 0.0)
    view.take(told(12.0, 150), 2.0)
    text = seen(view)
    assert row(text, "a")[:4] == ["●", "a", "25.0", "150"]
    assert row(text, "detect") == ["detect", "25.0", "150", "2", "1", "2", "12.5", "full", "2",
                                   "hung", "1"]  # fmt: skip
    assert row(text, "page")[:9] == ["→", "page", "25.0", "150", "2", "1", "0", "10.0", "20.5"]
    assert "CPU 0.50 cores" in text
    assert "RSS 150 MB (peak 200)   7 threads   2 processes" in text
    assert "framewire 1.2.3   up 0:00:12" in text
    assert re.search(r"source\.lost +a +error gone", text)


def test_an_instance_that_was_started_anew_is_not_compared_with_the_last() -> None:
    view = View("http://here")
    view.take(told(1000.0, 99_999), 0.0)
    view.take(told(2.0, 50), 1.0)
    assert row(seen(view), "a")[2] == "25.0"


def test_while_it_is_away_the_last_picture_stays_with_the_reason() -> None:
    view = View("http://here")
    view.take(told(), 0.0)
    view.take(Away("connection refused"), 90.0)
    view.take(Away("connection refused"), 95.0)
    text = seen(view)
    assert "away for 10 s: connection refused" in text
    assert "detect" in text
    view.take(told(11.0), 100.0)
    assert "away" not in seen(view)


def test_with_many_streams_those_that_are_away_are_shown_and_the_others_counted() -> None:
    streams = {f"s{n:03}": stream(connected=n != 77) for n in range(100)}
    view = View("http://here")
    view.take(told(streams=streams), 0.0)
    text = seen(view, height=24)
    assert len(text.splitlines()) <= 24
    assert "s077" in text
    shown = len(re.findall(r"● s\d", text))
    assert f"{100 - shown} more" in text
    assert "detect" in text
    assert "source.lost" in text


@pytest.mark.parametrize("width", [60, 80, 100, 130])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    view = View("http://here")
    view.take(told(), 0.0)
    assert all(len(line) <= width for line in seen(view, width).splitlines())


def test_what_comes_from_elsewhere_cannot_command_the_terminal() -> None:
    nasty = "\x1b[2J\x1b]0;x\x07"
    event = EventReport(nasty, nasty, {nasty: nasty}, AT)
    view = View(nasty)
    more = told().nodes | {nasty: node(1)}
    view.take(told(recent=[event], nodes=more, failure=nasty, streams={nasty: stream()}), 0.0)
    view.take(Away(nasty), 1.0)
    assert "\x1b" not in seen(view)
    assert "\x07" not in seen(view)


@asynccontextmanager
async def instance(report: Report) -> AsyncIterator[str]:
    status = lambda: msgspec.to_builtins(report)  # noqa: E731
    async with serving("127.0.0.1:0", [], status, CollectorRegistry()) as address:
        yield address


async def test_a_report_comes_as_it_was_made() -> None:
    async with instance(told()) as address:
        ask = asking(address, None, None)
        assert await asyncio.to_thread(ask) == told()


async def test_once_prints_it_and_ends() -> None:
    async with instance(told()) as address:
        done = await asyncio.to_thread(top, address)
    assert done.returncode == 0
    assert "detect" in done.stdout
    assert "source.lost" in done.stdout


def top(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", "top", *arguments], cwd=ROOT, text=True,
        capture_output=True, timeout=LIMIT, env={**os.environ, **environ}, check=False,
    )  # fmt: skip


def test_nobody_there_is_said_in_a_line() -> None:
    done = top("http://127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr == "http://127.0.0.1:9: [Errno 111] Connection refused\n"


@pytest.mark.parametrize("address", ["127.0.0.1:80", "file:///etc/passwd", "http://", "ftp://a"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(BadAddress, match="wanted an address such as"):
        asking(address, None, None)


@dataclass
class Screen:
    """A process on a terminal of its own."""

    process: subprocess.Popen[bytes]
    terminal: int
    text: str = ""

    def until(self, wanted: str) -> None:
        deadline = time.monotonic() + LIMIT
        while wanted not in self.text:
            assert select.select([self.terminal], [], [], deadline - time.monotonic())[0], self.text
            self.text += os.read(self.terminal, 65536).decode(errors="replace")


async def test_on_a_terminal_it_stays_until_q() -> None:
    def look(address: str) -> int:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "top", address, "--every", "0.1"],
            cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "30"},
        )  # fmt: skip
        os.close(theirs)
        screen = Screen(process, ours)
        try:
            screen.until("source.lost")
            os.write(ours, b"xq")
            screen.until("\x1b[?1049l")  # the screen that was there before comes back
            return process.wait(LIMIT)
        finally:
            process.kill()
            process.wait()
            os.close(ours)

    async with instance(told()) as address:
        assert await asyncio.to_thread(look, address) == 0
