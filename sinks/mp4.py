"""Annotated video: each stream with its results burned in, as one mp4 file."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from os import cpu_count
from pathlib import Path
from typing import ClassVar, Literal

from av.codec import codecs_available
from av.error import FFmpegError
from pydantic import Field

from sinks.annotate import shown_size
from sinks.errors import BadSink, SinkLost
from sinks.mp4_writer import Encoding, Mp4Writer
from sinks.sink import Delivery, Sink, SinkContext
from sinks.video.encoding import Preset
from stages.stage import Options

STREAM = "{stream}"
BROKEN = (OSError, FFmpegError)  # of the disk, of the encoder


class Mp4Options(Options):
    """The keys of `sink: mp4`."""

    path: str = Field(
        "out/{stream}.mp4",
        description="The file of each stream, relative to the config; `{stream}` stands for its "
        "name. Its folder is made, a file of an earlier run is replaced.",
    )
    min_width: int = Field(
        640,
        ge=2,
        le=7680,
        description="Narrower pictures are enlarged to this width in pixels, so that what is "
        "drawn on them can be read.",
    )
    caption: bool = Field(True, description="Write the stream's name and time into the picture.")
    crf: int = Field(
        23, ge=0, le=51, description="Quality, as x264 counts it: lower is better, and larger."
    )
    preset: Preset = Field(
        "superfast", description="How hard x264 tries: a slower one makes a smaller file."
    )


class Mp4Sink(Sink):
    """Encodes each stream in a thread of its own; done with a batch when it is in its files.

    When a file can be written no more (a full disk), the batch fails and the next one begins a
    further part, such as `lobby-2.mp4`.
    """

    Options = Mp4Options
    mode: ClassVar[Literal["each", "frame"]] = "frame"

    def __init__(self, options: Mp4Options, context: SinkContext) -> None:
        """Nothing is written yet."""
        self._options = options
        self._context = context
        threads = max(1, min(4, (cpu_count() or 1) // max(1, len(context.streams))))
        encoding = Encoding(options.preset, options.crf, options.caption, threads, context.guards)
        self._films = {
            stream: Film(self._path(stream), options.min_width, encoding)
            for stream in context.streams
        }

    async def open(self) -> None:
        """Make the folders. Raises BadSink if a file cannot be written where it should be."""
        if STREAM not in self._options.path and len(self._films) > 1:
            raise BadSink(
                f"path {self._options.path}: wanted {STREAM} in it, "
                f"since there are {len(self._films)} streams"
            )
        if "libx264" not in codecs_available:
            raise BadSink("mp4: wanted the encoder libx264, got an FFmpeg without it")
        await asyncio.gather(*(asyncio.to_thread(film.prepare) for film in self._films.values()))

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Draw and encode a batch. Raises SinkLost if a file could not be written."""
        streams: dict[str, list[Delivery]] = {}
        for delivery in batch:
            streams.setdefault(delivery.frame.stream, []).append(delivery)
        await _all(self._films[stream].add(mine) for stream, mine in streams.items())

    async def close(self) -> None:
        """End the files and the threads. Raises SinkLost if the end of one could not be written."""
        await _all(film.close() for film in self._films.values())

    def counts(self) -> Mapping[str, float]:
        """What is in the files, those that are still open included."""
        return {
            "written_frames_total": sum(film.frames for film in self._films.values()),
            "lost_files_total": sum(film.lost for film in self._films.values()),
        }

    def address(self) -> str:
        """The file, or how the files are called."""
        streams = self._context.streams
        return str(self._path(streams[0] if len(streams) == 1 else STREAM))

    def _path(self, stream: str) -> Path:
        return self._context.folder / self._options.path.replace(STREAM, stream)


class Film:
    """One stream's file, its thread, and its further parts.

    frames  written so far, in all parts
    lost    parts that could be written no more
    """

    def __init__(self, path: Path, min_width: int, encoding: Encoding) -> None:
        """Nothing is written yet."""
        self.frames = self.lost = 0
        self._path = path
        self._min_width = min_width
        self._encoding = encoding
        self._thread = ThreadPoolExecutor(1, f"mp4-{path.stem}")
        self._writer: Mp4Writer | None = None
        self._part = 1

    def prepare(self) -> None:
        """Make the folder. Raises BadSink if it cannot be, or a folder is in the file's place."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadSink(
                f"path {self._path}: wanted a folder to write in, got: {error}"
            ) from error
        if self._path.is_dir():
            raise BadSink(f"path {self._path}: wanted a file to write, got a folder")

    async def add(self, deliveries: Sequence[Delivery]) -> None:
        """Write frames in their order, in this film's thread. Raises SinkLost."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._add, deliveries)

    async def close(self) -> None:
        """End the file and the thread. Raises SinkLost."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._end)
        finally:
            self._thread.shutdown()

    def _add(self, deliveries: Sequence[Delivery]) -> None:
        try:
            for delivery in deliveries:
                if self._writer is None:
                    size = shown_size(delivery.frame.picture.size, self._min_width)
                    self._writer = Mp4Writer(
                        self._part_path(), delivery.frame, size, self._encoding
                    )
                self._writer.add(delivery)
                self.frames += 1
        except BROKEN as error:
            self.lost += 1
            path, writer = self._part_path(), self._writer
            self._writer = None
            if writer is not None:
                with suppress(*BROKEN):
                    writer.close()
                self._part += writer.frames > 0
            raise _lost(path, error) from error

    def _end(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            writer.close()
        except BROKEN as error:
            raise _lost(writer.path, error) from error

    def _part_path(self) -> Path:
        if self._part == 1:
            return self._path
        return self._path.with_stem(f"{self._path.stem}-{self._part}")


def _lost(path: Path, error: OSError | FFmpegError) -> SinkLost:
    return SinkLost(f"{path} cannot be written: {error.strerror or error}")


async def _all(work: Iterable[Awaitable[None]]) -> None:
    """Finish all, then raise the first error."""
    for done in await asyncio.gather(*work, return_exceptions=True):
        if done is not None:
            raise done
