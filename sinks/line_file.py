"""A file of lines that grows, is flushed each second, mended after a crash, and rotated."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import structlog

from sinks.errors import BadSink, SinkLost
from sinks.lines import opened, written
from sinks.rotation import Rotation

FLUSH_S = 1.0
FULL = 1 << 20  # bytes that may wait before a write waits for the disk

log = structlog.get_logger()


class LineFile:
    """Adds lines; in the file after a second at the latest, or at the end.

    path      of the file that is being written
    written   bytes, in this run
    on_aside  called in a thread when a file was laid aside. Must not raise
    """

    def __init__(
        self, path: Path, rotation: Rotation, on_aside: Callable[[], None] = lambda: None
    ) -> None:
        """The file is not touched yet."""
        self.path = path
        self.written = 0
        self._rotation = rotation
        self._on_aside = on_aside
        self._file: BinaryIO | None = None
        self._at = 0.0
        self._waiting = bytearray()
        self._writing = asyncio.Lock()
        self._flusher: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._failed: OSError | None = None

    @property
    def waiting(self) -> int:
        """Bytes that the next flush writes."""
        return len(self._waiting)

    async def open(self) -> None:
        """Open the file. Raises BadSink if there is a folder in its place, or it may not be."""
        try:
            await asyncio.to_thread(self._open)
        except OSError as error:
            reason = error.strerror or error
            raise BadSink(f"path {self.path}: wanted a file to write, got: {reason}") from error
        self._flusher = asyncio.create_task(self._flush_each_second())

    async def add(self, lines: bytes) -> None:
        """Put whole lines where the next flush finds them.

        raises  SinkLost if lines could not be written, these or some before them
        """
        self._waiting += lines
        if len(self._waiting) >= FULL:
            await self._flush()
        if self._failed is not None:
            error, self._failed = self._failed, None
            raise SinkLost(f"{self.path}: lines could not be written: {error.strerror or error}")

    async def turn(self) -> None:
        """Lay the file aside now, if there is anything in it."""
        async with self._writing:
            try:
                await asyncio.to_thread(self._write, bytearray(), turn=True)
            except OSError as error:
                self._failed = error

    async def close(self, *, turn: bool = False) -> None:
        """Write what waits, and close the file, laid aside with `turn`.

        raises  SinkLost if that cannot be
        """
        self._closing.set()
        if self._flusher is not None:
            await self._flusher
        await self._flush()
        if turn:
            await self.turn()
        if self._file is not None:
            await asyncio.to_thread(self._file.close)
            if turn and self._failed is None:
                await asyncio.to_thread(self.path.unlink, missing_ok=True)
        if self._failed is not None:
            raise SinkLost(f"{self.path}: its last lines could not be written: {self._failed}")

    async def _flush_each_second(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), FLUSH_S)
            await self._flush()

    async def _flush(self) -> None:
        async with self._writing:
            if self._flusher is None:
                return
            lines, self._waiting = self._waiting, bytearray()
            try:
                await asyncio.to_thread(self._write, lines)
            except OSError as error:
                self._failed = error

    def _open(self) -> BinaryIO:
        self._file = file = opened(self.path)
        self._at = os.fstat(file.fileno()).st_mtime
        return file

    def _write(self, lines: bytearray, *, turn: bool = False) -> None:
        """Write lines, into the next file if the time of this one is over or it is full."""
        file = self._file or self._open()
        now = time.time()
        if turn or self._due(file, self._at, now):
            file = self._lay_aside(file, now)
        if lines:
            written(file, lines)
            self.written += len(lines)
            self._at = now
            if self._due(file, now, now):
                self._lay_aside(file, now)

    def _due(self, file: BinaryIO, written: float, now: float) -> bool:
        return self._rotation.due(os.fstat(file.fileno()).st_size, written, now)

    def _lay_aside(self, file: BinaryIO, now: float) -> BinaryIO:
        if not os.fstat(file.fileno()).st_size:
            return file
        os.fsync(file.fileno())
        self.path.rename(self._rotation.name(self.path, now))
        self._file = None
        file.close()
        self._on_aside()
        if gone := self._rotation.prune(self.path):
            log.info("old files deleted", path=str(self.path), files=gone)
        return self._open()
