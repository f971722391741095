"""`isolation: process`: a stage in a process of its own, so that its crash costs one batch.

Pictures cross in memory that both processes map; everything else over a socket. The memory has no
name (it is a deleted file, on Linux a memfd), so that nothing can be left behind, whoever is killed
and however. The child is pipeline/child.py.

A child that does not answer within `hang_s` is killed and replaced like one that died.
"""

import mmap
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray
from pydantic import BaseModel

from models.results import Result
from pipeline.hang import HUNG, hung
from stages.colour import Colour
from stages.events import Event
from stages.frame import Frame
from stages.stage import StageContext, unheard

log = structlog.get_logger()

START_LIMIT = (
    120.0  # seconds for a child to import, open its model and say so: ten may do so at once
)
ALIGN = 64  # bytes: a cache line


class WorkerLost(Exception):
    """The process that ran the stage is gone; its frames are lost with it.

    reason  "worker lost", or "hung" if it was killed because it did not answer
    """

    def __init__(self, message: str, reason: str = "worker lost") -> None:
        super().__init__(message)
        self.reason = reason


class StageFailed(Exception):
    """The stage raised in its process. `reason` is the name of what it raised."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason


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
    """What a child is told first: which stage it runs, and how."""

    stage: str
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


def _timeval(seconds: float) -> bytes:
    """A `struct timeval` of socket(7), in which no time would stand for all time."""
    whole, part = divmod(round(max(seconds, 1e-3) * 1e6), 1_000_000)
    return struct.pack("@ll", whole, part)


class IsolatedStage:
    """Stands for a stage that runs in a process of its own: the same `run`, from here.

    One batch at a time. A child that dies is replaced at once, and the batch it held is lost.
    """

    def __init__(
        self,
        name: str,
        options: BaseModel,
        context: StageContext,
        *,
        stateless: bool,
        announce: Callable[[Event], None],
        hang: float | None = None,
    ) -> None:
        """Start the child and wait until its stage is made.

        hang    seconds within which it has to answer; None for any time
        raises  StageFailed with what the stage said when it could not be made
        """
        self.stateless = stateless
        # The child stands in another folder: a relative one would mean another there.
        # What its stage announces comes back with its answers.
        context = replace(context, folder=context.folder.absolute(), announce=unheard)
        self._assignment = Assignment(name, options.model_dump(), context)
        self._announce = announce
        self._hang = hang
        self._lock = threading.Lock()
        self._memory = SharedMemory()
        self._ready = False
        # On Linux the child dies with the thread that started it, so that thread has to last as
        # long as we do: a worker's own leaves before its stage is closed.
        self._spawner = ThreadPoolExecutor(1, thread_name_prefix=f"{context.node}-spawner")
        self._child, self._wire = self._spawn()
        try:
            self._await_ready()
        except (StageFailed, EOFError, OSError) as error:
            self.close()
            if isinstance(error, StageFailed):
                raise
            raise StageFailed("worker lost", f"its process did not start: {error}") from error

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    @property
    def ready(self) -> bool:
        """Whether its stage is made, so that a batch would be run at once."""
        try:
            return self._ready or self._wire.poll()
        except OSError:  # the child is just being replaced
            return False

    def run(self, frames: Sequence[Frame]) -> Sequence[Result | None]:
        """Run a batch in the child.

        raises  WorkerLost if the child died, StageFailed if its stage raised
        """
        with self._lock:
            try:
                self._await_ready()
                self._wire.send(self._post(frames))
                return self._answer()
            except (EOFError, OSError) as error:
                stuck = isinstance(error, BlockingIOError)  # its socket's limit has passed
                if stuck and self._hang is not None:
                    self._announce(hung(self._assignment.context.node, frames, self._hang))
                raise self._replace(HUNG if stuck else "worker lost") from error

    def retune(self, options: BaseModel) -> None:
        """Give the stage in the child, and in those that may take its place, other options.

        raises  StageFailed with what the stage said against them, or while a child is starting;
                WorkerLost if the child died
        """
        told = options.model_dump()
        with self._lock:
            if not self.ready:
                raise StageFailed("starting", "wanted its process to be ready, got one that starts")
            try:
                self._await_ready()
                self._wire.send(Retuned(told))
                self._answer()
            except (EOFError, OSError) as error:
                raise self._replace("worker lost") from error
            self._assignment = replace(self._assignment, options=told)

    def close(self) -> None:
        """End the child: it leaves by itself when its socket closes, or is killed."""
        self._wire.close()
        try:
            self._child.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._spawner.shutdown()
        self._memory.close()

    def _spawn(self) -> tuple[subprocess.Popen[bytes], Connection]:
        self._ready = False
        child, wire = self._spawner.submit(self._start).result()
        wire.send(self._assignment)
        return child, wire

    def _start(self) -> tuple[subprocess.Popen[bytes], Connection]:
        ours, theirs = socket.socketpair()
        if self._hang is not None:
            for way in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                ours.setsockopt(socket.SOL_SOCKET, way, _timeval(self._hang))
        with theirs:
            child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [
                    sys.executable,
                    "-m",
                    "pipeline.child",
                    str(theirs.fileno()),
                    str(self._memory.fd),
                ],
                pass_fds=(theirs.fileno(), self._memory.fd),
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[1],
            )
        return child, Connection(ours.detach())

    def _await_ready(self) -> None:
        if self._ready:
            return
        if not self._wire.poll(START_LIMIT):
            raise EOFError(f"the child was not ready within {START_LIMIT:.0f} s")
        self._answer()
        self._ready = True

    def _answer(self) -> Sequence[Result | None]:
        kind, value = self._wire.recv()
        if kind == "failed":
            raise StageFailed(*value)
        results, events = value
        for event in events:
            self._announce(event)
        said: Sequence[Result | None] = results
        return said

    def _replace(self, reason: str) -> WorkerLost:
        self._child.kill()
        code = self._child.wait()
        self._wire.close()
        node = self._assignment.context.node
        log.error("worker lost", node=node, exit_code=code)
        self._announce(Event("worker.lost", node, {"exit_code": code}))
        self._child, self._wire = self._spawn()
        self._announce(Event("worker.back", node, {"pid": self._child.pid}))
        return WorkerLost(f"{node}: its process ended with exit code {code}", reason)

    def _post(self, frames: Sequence[Frame]) -> list[Posted]:
        size, places = 0, []
        for frame in frames:
            at = []
            for plane in frame.picture.planes:
                at.append(PlaneAt(size, plane.shape))
                size += -(-plane.size // ALIGN) * ALIGN
            places.append(tuple(at))
        memory = self._memory.bytes(size)
        for frame, planes in zip(frames, places, strict=True):
            for plane, place in zip(frame.picture.planes, planes, strict=True):
                room = memory[place.offset : place.offset + plane.size]
                np.copyto(room.reshape(place.shape), plane)
        return [
            Posted(
                frame.stream, frame.seq, frame.pts, frame.captured_at, frame.arrived, frame.decoded,
                frame.keyframe, frame.corrupt, frame.picture.colour, planes, dict(frame.results),
            )
            for frame, planes in zip(frames, places, strict=True)
        ]  # fmt: skip
