"""Every event in a file, one JSON message a line as in docs/schema.md; the file is rotated."""

import queue
import threading
from pathlib import Path
from typing import BinaryIO

import structlog

from sinks.lines import opened, written
from sinks.wire import encode, event_message
from stages.events import Event
from stages.throttle import Throttle

log = structlog.get_logger()

WAITING = 10_000  # events that may wait for the disk: some megabytes


class EventLog:
    """Writes events in a thread of its own, each when it has happened; a slow disk delays nobody.

    A line that a full disk does not take is lost and counted; the next one is tried again.

    lost  events that are not in the file
    """

    def __init__(self, path: Path, most: int, keep: int) -> None:
        """Open the file, and begin.

        most    bytes after which another file is begun
        keep    older files that stay, `path.1` the newest of them
        raises  OSError if the file cannot be written
        """
        self.lost = 0
        self._path = path
        self._most = most
        self._keep = keep
        self._file: BinaryIO | None = opened(path)
        self._waiting: queue.Queue[Event | None] = queue.Queue(WAITING)
        self._throttle = Throttle()
        self._thread = threading.Thread(target=self._work, name="events", daemon=True)
        self._thread.start()

    def hear(self, event: Event) -> None:
        """Take an event. From any thread; never blocks."""
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self.lost += 1

    def close(self, limit: float) -> None:
        """Write what waits, for at most `limit` seconds. The last call."""
        try:
            self._waiting.put(None, timeout=limit)
        except queue.Full:
            return
        self._thread.join(limit)

    def _work(self) -> None:
        while (event := self._waiting.get()) is not None:
            try:
                self._write(encode(event_message(event)) + b"\n")
            except OSError as error:
                self.lost += 1
                if (held_back := self._throttle.ready()) is not None:
                    text = error.strerror or str(error)
                    log.error("event not written", error=text, held_back=held_back)
        if self._file is not None:
            self._file.close()

    def _write(self, line: bytes) -> None:
        if self._file is None:  # the last rotation could not make it
            self._file = opened(self._path)
        size = self._file.tell()
        if size and size + len(line) > self._most:
            self._rotate(self._file)
            self._file = None
            self._file = opened(self._path)
        written(self._file, line)

    def _rotate(self, file: BinaryIO) -> None:
        file.close()
        for number in range(self._keep, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        self._path.unlink(missing_ok=True)  # nothing older is kept, then

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
