"""Results into a file, one JSON message a line, as described in `docs/schema.md`."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from sinks.line_file import LineFile
from sinks.rotation import Rotation, RotationOptions
from sinks.sink import Delivery, Sink, SinkContext
from sinks.wire import encode, result_message


class JsonlOptions(RotationOptions):
    """The keys of `sink: jsonl`."""

    path: Path = Field(
        Path("out/results.jsonl"),
        description="The file, relative to the config. Its folder is made, lines are added to it. "
        "One that is full or old is laid aside as `results-{moment}.jsonl`.",
    )


class JsonlSink(Sink):
    """Adds a line for each result; in the file after a second at the latest, or at the end."""

    Options = JsonlOptions

    def __init__(self, options: JsonlOptions, context: SinkContext) -> None:
        """The file is not touched yet."""
        self._file = LineFile(context.folder / options.path, Rotation.of(options))

    async def open(self) -> None:
        """Open the file. Raises BadSink if there is a folder in its place, or it may not be."""
        await self._file.open()

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Put a batch's lines where the next flush finds them.

        raises  SinkLost if lines could not be written, of this batch or of one before it
        """
        await self._file.add(lines_of(batch))

    async def close(self) -> None:
        """Write what waits, and close the file. Raises SinkLost if that cannot be."""
        await self._file.close()

    def counts(self) -> Mapping[str, float]:
        """What is in the file from this run."""
        return {"written_bytes_total": self._file.written, "waiting_bytes": self._file.waiting}

    def address(self) -> str:
        """The file."""
        return str(self._file.path)


def lines_of(batch: Sequence[Delivery]) -> bytes:
    """A line for each result of a batch."""
    now, monotonic = datetime.now(UTC), time.monotonic()
    lines = bytearray()
    for delivery in batch:
        for node in delivery.nodes:
            lines += encode(result_message(delivery.frame, node, now, monotonic))
            lines += b"\n"
    return bytes(lines)
