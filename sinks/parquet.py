"""`sink: parquet`: results as rows of Parquet files, each written whole. See `docs/ways-out.md`.

Rows are lines of a journal until a file of them is due: a Parquet file has its index at its end,
so that one which was being written when its process died could not be read.
"""

import asyncio
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import structlog
from pydantic import Field, field_validator

from sinks.errors import BadSink, SinkLost
from sinks.jsonl import lines_of
from sinks.line_file import LineFile
from sinks.rotation import Rotation, RotationOptions, aside
from sinks.sink import Delivery, Sink, SinkContext

log = structlog.get_logger()


class ParquetOptions(RotationOptions):
    """The keys of `sink: parquet`."""

    path: Path = Field(
        Path("out/results.parquet"),
        description="What the files are called, relative to the config: `results-{moment}.parquet` "
        "for `results.parquet`. Until then rows are lines in `.results.jsonl` beside them.",
    )
    rotate_mb: float = Field(
        64.0,
        ge=0,
        description="Megabytes of rows, as JSON, that make a file; it is about a tenth as large. "
        "0: any number.",
    )
    rotate_s: float = Field(
        3600.0,
        ge=0,
        description="Seconds that make a file, counted from midnight UTC of 1970, so that 3600 is "
        "each full hour; 0: any number.",
    )
    keep: int = Field(0, ge=0, description="Files that are kept, the newest; 0: all.")

    @field_validator("path")
    @classmethod
    def _parquet(cls, path: Path) -> Path:
        if path.suffix != ".parquet":
            raise ValueError("wanted a name that ends in .parquet")
        return path


class ParquetSink(Sink):
    """Adds a line for each result to a journal, and makes files of journals that are due.

    A journal that a killed process left becomes a file when the next one starts.
    """

    Options = ParquetOptions

    def __init__(self, options: ParquetOptions, context: SinkContext) -> None:
        """Nothing is written yet."""
        self._path = context.folder / options.path
        self._kept = Rotation(keep=options.keep)
        rotation = Rotation(round(options.rotate_mb * 1e6), options.rotate_s)
        journal = self._path.with_name(f".{self._path.stem}.jsonl")
        self._journal = LineFile(journal, rotation, self._wake)
        self._due = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._making: asyncio.Task[None] | None = None
        self._made = self._rows = self._torn = 0
        self._closing = False
        self._failed: str | None = None

    async def open(self) -> None:
        """Make files of what an earlier run left. Raises BadSink if nothing can be written."""
        if find_spec("pyarrow") is None:
            raise BadSink("parquet: wanted the package pyarrow, got none (pip install pyarrow)")
        await asyncio.to_thread(import_module, "sinks.parquet_writer")
        self._loop = asyncio.get_running_loop()
        await self._journal.open()
        await self._journal.turn()
        self._due.set()
        self._making = asyncio.create_task(self._make_files())

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Put a batch's rows where the next flush finds them.

        raises  SinkLost if rows could not be written, of this batch or of one before it
        """
        await self._journal.add(lines_of(batch))

    async def close(self) -> None:
        """Make a file of what is left. Raises SinkLost if that cannot be; the journal stays."""
        if self._making is None:
            return
        self._closing = True
        self._due.set()
        await self._making
        await self._journal.close(turn=True)
        await self._journals_to_files()
        if self._failed is not None:
            raise SinkLost(f"{self._path}: its last rows stay in a journal: {self._failed}")

    def counts(self) -> Mapping[str, float]:
        """What is in journals from this run, what waits to be, and what files were made of it."""
        return {
            "written_bytes_total": self._journal.written,
            "waiting_bytes": self._journal.waiting,
            "files_total": self._made,
            "rows_total": self._rows,
            "torn_lines_total": self._torn,
        }

    def address(self) -> str:
        """How the files are called."""
        return str(self._path.with_name(f"{self._path.stem}-*.parquet"))

    def _wake(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._due.set)

    async def _make_files(self) -> None:
        while not self._closing:
            await self._due.wait()
            self._due.clear()
            await self._journals_to_files()

    async def _journals_to_files(self) -> None:
        """Of each journal that was laid aside; one that cannot be stays for the next time."""
        from sinks.parquet_writer import make_file  # noqa: PLC0415

        self._failed = None
        for journal in await asyncio.to_thread(aside, self._journal.path):
            target = self._path.with_name(f"{journal.stem.removeprefix('.')}.parquet")
            try:
                rows, torn = await asyncio.to_thread(make_file, journal, target)
                await asyncio.to_thread(journal.unlink)
                await asyncio.to_thread(self._kept.prune, self._path)
            except (OSError, SinkLost) as error:
                self._failed = str(error)
                log.error("rows stay in a journal", error=self._failed)
            else:
                self._made += 1
                self._rows += rows
                self._torn += torn
                log.info("file written", path=str(target), rows=rows, torn_lines=torn)
