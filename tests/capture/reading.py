"""Reads sources for tests."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

from stages.capture import CaptureOptions, make_source
from stages.capture.testcard import read_counter
from stages.frame import Frame
from stages.source import Demand, Source


def source_of(
    where: str | Path, fps: float | None = None, *, every: int = 1, **keys: object
) -> Source:
    """A source as a config would make it; `fps` and `every` are what anyone looks at."""
    options = CaptureOptions.model_validate({"source": str(where), **keys})
    return make_source("a", options, Demand(fps, every))


def read(source: Source, count: int | None = None) -> list[Frame]:
    """The first `count` frames, or all."""
    frames = source.frames()
    try:
        return list(islice(frames, count))
    finally:
        frames.close()  # type: ignore[attr-defined] - a generator


def until(source: Source, enough: Callable[[Frame], bool]) -> Frame:
    """The first frame of which something is true."""
    frames = source.frames()
    try:
        return next(frame for frame in frames if enough(frame))
    finally:
        frames.close()  # type: ignore[attr-defined] - a generator


def counters(frames: list[Frame]) -> list[int | None]:
    """The numbers that the test cards in them bear."""
    return [read_counter(frame.picture) for frame in frames]
