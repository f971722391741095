"""Who did what when: one JSON object a line, in a file that nobody else reads.

A line holds `at` (UTC, ISO 8601), `event`, `who`, `role`, `from` (the address), and what belongs to
the event. Events: `login`, `logout`, `link`, `refused`, `watch`, `watched` (with `seconds`), `look`
(one picture), and those that sinks add.

The file is opened for each batch of lines, so that it can be moved away (logrotate) at any time.
"""

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from pipeline.access.buckets import Buckets
from sinks.lines import written
from sinks.viewers import Viewer
from stages.throttle import Throttle

log = structlog.get_logger()

LINES_MAX = 10_000  # that wait for the disk; about 2 MB
REFUSED_PER_S, REFUSED_BURST = 10.0, 100.0  # of all callers: a flood of them must not fill a disk
LOOK_S = 60.0  # a picture that is fetched again within this is not told again
LOOKS_MAX = 1000


class Audit:
    """Writes the audit log. Without a path it takes everything and writes nothing."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        """The file is not touched yet."""
        self.path = path
        self.lost = 0
        self._clock = clock
        self._waiting: list[bytes] = []
        self._more = asyncio.Event()
        self._closing = False
        self._writer: asyncio.Task[None] | None = None
        self._throttle = Throttle()
        self._refusals = Buckets(REFUSED_PER_S, REFUSED_BURST, clock=clock)
        self._unsaid = 0
        self._looks: OrderedDict[tuple[object, ...], float] = OrderedDict()

    async def open(self) -> None:
        """Begin. Raises OSError if the file cannot be written."""
        if self.path is None:
            return
        try:
            await asyncio.to_thread(_append, self.path, b"")
        except OSError as error:
            raise OSError(
                f"http.audit: wanted a file to write, got {self.path}: {error.strerror or error}"
            ) from None
        self._writer = asyncio.create_task(self._write(), name="audit")

    async def close(self) -> None:
        """Write what waits."""
        self._closing = True
        self._more.set()
        if self._writer is not None:
            await self._writer
        if self.lost:
            log.error("audit lines lost", file=str(self.path), lines=self.lost)

    def note(self, event: str, viewer: Viewer, address: str, details: Mapping[str, object]) -> None:
        """Write a line soon. Never blocks; what the disk does not take in time is counted."""
        if self.path is None or not self._worth_it(event, viewer, details):
            return
        if len(self._waiting) >= LINES_MAX:
            self._lose(1, "the disk is too slow")
            return
        line: dict[str, object] = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": event,
            "who": viewer.name,
            "role": viewer.role,
            "from": address,
            **details,
        }
        if event == "refused" and self._unsaid:
            line["unsaid"], self._unsaid = self._unsaid, 0
        self._waiting.append(msgspec.json.encode(line) + b"\n")
        self._more.set()

    def _worth_it(self, event: str, viewer: Viewer, details: Mapping[str, object]) -> bool:
        if event == "refused" and self._refusals.take(""):
            self._unsaid += 1
            return False
        if event != "look":
            return True
        look = (viewer.name, details.get("stream"), details.get("how"))
        now = self._clock()
        if now - self._looks.get(look, -LOOK_S) < LOOK_S:
            return False
        self._looks[look] = now
        self._looks.move_to_end(look)
        if len(self._looks) > LOOKS_MAX:
            self._looks.popitem(last=False)
        return True

    async def _write(self) -> None:
        path = self.path
        while path is not None:
            await self._more.wait()
            self._more.clear()
            lines, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(_append, path, b"".join(lines))
            except OSError as error:
                self._lose(len(lines), error.strerror or str(error))
            if self._closing and not self._waiting:
                return

    def _lose(self, lines: int, why: str) -> None:
        self.lost += lines
        if (held_back := self._throttle.ready(why)) is not None:
            log.error("audit lines lost", file=str(self.path), why=why, held_back=held_back)


def _append(path: Path, lines: bytes) -> None:
    """All lines or none: what a full disk took of them is taken back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "ab", buffering=0) as file:
        written(file, lines)
