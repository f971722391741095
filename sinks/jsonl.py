"""Results into a file, one JSON message a line, as described in `docs/schema.md`."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from pydantic import Field

from sinks.errors import BadSink, SinkLost
from sinks.lines import opened, written
from sinks.sink import Delivery, Sink, SinkContext
from sinks.wire import encode, result_message
from stages.stage import Options

FLUSH_S = 1.0
FULL = 1 << 20  # bytes that may wait before a write waits for the disk


class JsonlOptions(Options):
    """The keys of `sink: jsonl`."""

    path: Path = Field(
        Path("out/results.jsonl"),
        description="The file, relative to the config. Its folder is made, lines are added to it.",
    )


class JsonlSink(Sink):
    """Adds a line for each result; in the file after a second at the latest, or at the end."""

    Options = JsonlOptions

    def __init__(self, options: JsonlOptions, context: SinkContext) -> None:
        """The file is not touched yet."""
        self._path = context.folder / options.path
        self._file: BinaryIO | None = None
        self._waiting = bytearray()
        self._writing = asyncio.Lock()
        self._flusher: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._failed: OSError | None = None
        self._written = 0  # bytes

    async def open(self) -> None:
        """Open the file. Raises BadSink if there is a folder in its place, or it may not be."""
        try:
            self._file = await asyncio.to_thread(opened, self._path)
        except OSError as error:
            reason = error.strerror or error
            raise BadSink(f"path {self._path}: wanted a file to write, got: {reason}") from error
        self._flusher = asyncio.create_task(self._flush_each_second())

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Put a batch's lines where the next flush finds them.

        raises  SinkLost if lines could not be written, of this batch or of one before it
        """
        now, monotonic = datetime.now(UTC), time.monotonic()
        for delivery in batch:
            for node in delivery.nodes:
                self._waiting += encode(result_message(delivery.frame, node, now, monotonic))
                self._waiting += b"\n"
        if len(self._waiting) >= FULL:
            await self._flush()
        if self._failed is not None:
            error, self._failed = self._failed, None
            raise SinkLost(f"{self._path}: lines could not be written: {error.strerror or error}")

    async def close(self) -> None:
        """Write what waits, and close the file. Raises SinkLost if that cannot be."""
        self._closing.set()
        if self._flusher is not None:
            await self._flusher
        await self._flush()
        if self._file is not None:
            await asyncio.to_thread(self._file.close)
        if self._failed is not None:
            raise SinkLost(f"{self._path}: its last lines could not be written: {self._failed}")

    def counts(self) -> Mapping[str, float]:
        """What is in the file from this run."""
        return {"written_bytes_total": self._written, "waiting_bytes": len(self._waiting)}

    def address(self) -> str:
        """The file."""
        return str(self._path)

    async def _flush_each_second(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), FLUSH_S)
            await self._flush()

    async def _flush(self) -> None:
        async with self._writing:
            if not self._waiting or self._file is None:
                return
            lines, self._waiting = self._waiting, bytearray()
            try:
                await asyncio.to_thread(written, self._file, lines)
            except OSError as error:
                self._failed = error
            else:
                self._written += len(lines)
