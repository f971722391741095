"""`framewire top`: the live table of an instance that runs elsewhere, its cost and its events."""

import asyncio
import os
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from pipeline.remote import Away
from pipeline.report import EventReport, Report
from pipeline.table import grid, printable

QUIT = frozenset(b"qQ\x03\x04")
EVENTS = 8  # rows for them, before streams with which all is well get any
NARROW = 106  # columns below which some of the table are left out
FRAME = 6  # rows of head, headings and blanks
BAD = ("lost", "failed", "refused", "removed", "hung", "degraded")
GOOD = ("back", "restored", "resumed", "found")

Ask = Callable[[], Report]


class View:
    """What is on the screen: the newest report, the one before it, or why there is none."""

    def __init__(self, address: str) -> None:
        """Nothing is known yet."""
        self._address = printable(address)
        self._now: Report | None = None
        self._before: Report | None = None
        self._away: tuple[float, str] | None = None

    def take(self, answer: Report | Away, moment: float) -> None:
        """A newer report, or why there is none; `moment` is in monotonic seconds."""
        if isinstance(answer, Away):
            self._away = (self._away[0] if self._away else moment, str(answer))
            return
        self._away = None
        again = self._now is not None and answer.seconds < self._now.seconds  # it was started anew
        self._before, self._now = (None if again else self._now), answer

    def picture(self, size: tuple[int, int], moment: float) -> RenderableType:
        """All of it, in so many columns and rows."""
        width, height = size
        head = Text(self._address, style="bold", no_wrap=True, overflow="ellipsis")
        if self._away is not None:
            since, why = self._away
            head.append(f"   away for {moment - since:.0f} s: {printable(why)}", style="red")
        if self._now is None:
            return head
        now = self._now
        room = height - FRAME
        left = room - len(now.nodes) - len(now.streams)
        most = max(min(EVENTS, room - len(now.nodes) - 1), left, 0)
        events = now.recent[max(0, len(now.recent) - most) :]
        rows = [_event(event) for event in reversed(events)]
        return Group(
            head, _cost(now, self._before), Text(),
            grid(now, self._before, max(1, room - len(rows)), narrow=width < NARROW), Text(), *rows,
        )  # fmt: skip


def _cost(now: Report, before: Report | None) -> Text:
    spent, seconds = now.cpu_s, now.seconds
    if before is not None:
        spent, seconds = spent - before.cpu_s, seconds - before.seconds
    cores = spent / max(seconds, 1e-9)
    version = printable(now.versions.get("framewire", ""))
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"framewire {version}   up {_long(now.seconds)}   ", style="dim")
    text.append(f"CPU {cores:.2f} cores   RSS {now.rss_mb:.0f} MB")
    text.append(f" (peak {now.peak_rss_mb:.0f})", style="dim")
    text.append(f"   {now.threads} threads   {now.processes} processes")
    if not now.balanced:
        text.append("   the ledger does not balance", style="red")
    if now.failure:
        text.append(f"   {printable(now.failure)}", style="red")
    return text


def _long(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{days} d" if days else "", f"{hours}:{minutes:02}:{rest:02}"]
    return " ".join(part for part in parts if part)


def _event(event: EventReport) -> Text:
    last = event.name.rpartition(".")[2]
    style = "red" if last in BAD else "green" if last in GOOD else "cyan"
    text = Text(f"{event.at.astimezone():%H:%M:%S}  ", no_wrap=True, overflow="ellipsis")
    text.append(f"{printable(event.name):<17} ", style=style)
    text.append(f"{printable(event.about):<14} ")
    said = "  ".join(f"{key} {value}" for key, value in event.detail.items())
    return text.append(printable(said), style="dim")


def once(ask: Ask, address: str, console: Console) -> None:
    """Print one picture. Raises Away."""
    view = View(address)
    view.take(ask(), time.monotonic())
    console.print(view.picture((console.width, 10_000), time.monotonic()))


def watch(ask: Ask, address: str, every: float) -> None:
    """Show the table until `q` or Ctrl-C. Raises Away if there is no report at first."""
    view = View(address)
    view.take(ask(), time.monotonic())
    with _keys():
        asyncio.run(_show(ask, view, every))


async def _show(ask: Ask, view: View, every: float) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    newer = asyncio.Event()

    def hear(answer: Report | Away) -> None:
        view.take(answer, time.monotonic())
        newer.set()

    def key() -> None:
        pressed = os.read(sys.stdin.fileno(), 64)
        if not pressed or QUIT & set(pressed):
            over.set()

    def poll() -> None:  # in a thread that may be left behind: an answer can take its time
        while not stopped.wait(every):
            try:
                answer: Report | Away = ask()
            except Away as away:
                answer = away
            if not stopped.is_set():
                loop.call_soon_threadsafe(hear, answer)

    stopped = threading.Event()
    threading.Thread(target=poll, name="top", daemon=True).start()
    loop.add_reader(sys.stdin, key)
    console = Console()
    try:
        with Live(console=console, auto_refresh=False, screen=True) as live:
            while not over.is_set():
                newer.clear()
                picture = view.picture(console.size, time.monotonic())
                live.update(picture, refresh=True)
                waits = [asyncio.ensure_future(one.wait()) for one in (newer, over)]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for one in waits:
                    one.cancel()
    finally:
        stopped.set()
        loop.remove_reader(sys.stdin)


@contextmanager
def _keys() -> Iterator[None]:
    """Keys come one by one and are not shown, and the terminal is afterwards as it was."""
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
