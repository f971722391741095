"""What crosses between a node and the process that runs its stage.

Pictures cross in memory that both processes map; everything else over a socket. The memory has no
name (it is a deleted file, on Linux a memfd), so that nothing can be left behind, whoever is killed
and however.
"""

import mmap
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from models.results import Result
from stages.colour import Colour
from stages.frame import Frame
from stages.picture import Picture
from stages.stage import Stage, StageContext

ALIGN = 64  # bytes: a cache line


@dataclass(frozen=True, slots=True)
class PlaneAt:
    """Where a plane of a picture lies in the shared memory."""

    offset: int
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Posted:
    """A frame on its way to the child: all but its pixels."""

    stream: str
    seq: int
    pts: float
    captured_at: datetime
    arrived: float
    decoded: float
    keyframe: bool
    corrupt: bool
    colour: Colour
    planes: tuple[PlaneAt, ...]
    results: dict[str, Result]


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a child is told first: which stage it runs, and how.

    stage  one of ours as its class, which brings its own file and no other stage's; another by the
           name that the config has for it
    """

    stage: type[Stage] | str
    options: dict[str, object]
    context: StageContext


@dataclass(frozen=True, slots=True)
class Retuned:
    """What a child is told between two batches: other options for its stage."""

    options: dict[str, object]


class SharedMemory:
    """Memory that this process and its child map; it grows with the pictures."""

    def __init__(self, fd: int | None = None) -> None:
        self.fd = _nameless() if fd is None else fd
        self._map: mmap.mmap | None = None

    def bytes(self, size: int) -> NDArray[np.uint8]:
        """The first `size` bytes, (size,) uint8, not copied."""
        if self._map is None or len(self._map) < size:
            if os.fstat(self.fd).st_size < size:
                os.ftruncate(self.fd, size)
            self._map = mmap.mmap(self.fd, size)
        return np.frombuffer(self._map, np.uint8, size)

    def close(self) -> None:
        """Let go; the memory is gone when both have."""
        self._map = None
        os.close(self.fd)


def _nameless() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("framewire", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def post(frames: Sequence[Frame], memory: SharedMemory) -> list[Posted]:
    """Put the pictures of a batch into the memory, over those of the last one."""
    size, places = 0, []
    for frame in frames:
        at = []
        for plane in frame.picture.planes:
            at.append(PlaneAt(size, plane.shape))
            size += -(-plane.size // ALIGN) * ALIGN
        places.append(tuple(at))
    room = memory.bytes(size)
    for frame, planes in zip(frames, places, strict=True):
        for plane, place in zip(frame.picture.planes, planes, strict=True):
            there = room[place.offset : place.offset + plane.size]
            np.copyto(there.reshape(place.shape), plane)
    return [
        Posted(
            frame.stream, frame.seq, frame.pts, frame.captured_at, frame.arrived, frame.decoded,
            frame.keyframe, frame.corrupt, frame.picture.colour, planes, dict(frame.results),
        )
        for frame, planes in zip(frames, places, strict=True)
    ]  # fmt: skip


def unpack(posted: Posted, memory: SharedMemory) -> Frame:
    """The frame on the other side; its picture lies in the memory until the next batch comes."""
    planes = []
    for place in posted.planes:
        size = int(np.prod(place.shape))
        pixels = memory.bytes(place.offset + size)[place.offset :]
        planes.append(pixels.reshape(place.shape))
    return Frame(
        posted.stream, posted.seq, posted.pts, posted.captured_at, posted.arrived, posted.decoded,
        Picture(tuple(planes), posted.colour), posted.keyframe, posted.corrupt, posted.results,
    )  # fmt: skip
