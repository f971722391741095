"""`isolation: process`: a stage in a process of its own, so that its crash costs one batch.

The child is pipeline/child.py, and pipeline/crossing.py is what both import: what they need besides
would only keep the next child from its work.

A child that does not answer within `hang_s` is killed and replaced like one that died. Another one
stands by for that: it has imported what each child needs, and waits to be told what to run.
"""

import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import structlog
from pydantic import BaseModel

from models.results import Result
from pipeline.crossing import Assignment, Retuned, SharedMemory, post
from pipeline.hang import HUNG, hung
from stages.builtin import STAGES
from stages.events import Event
from stages.frame import Frame
from stages.stage import StageContext, unheard

log = structlog.get_logger()

START_LIMIT = (
    120.0  # seconds for a child to import, open its model and say so: ten may do so at once
)


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
        self._assignment = Assignment(STAGES.get(name, name), options.model_dump(), context)
        self._announce = announce
        self._hang = hang
        self._lock = threading.Lock()
        self._memory = SharedMemory()
        self._ready = False
        # On Linux the child dies with the thread that started it, so that thread has to last as
        # long as we do: a worker's own leaves before its stage is closed.
        self._spawner = ThreadPoolExecutor(1, thread_name_prefix=f"{context.node}-spawner")
        self._spare: tuple[subprocess.Popen[bytes], Connection] | None = None
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
                self._wire.send(post(frames, self._memory))
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
        """End the child, and the one that stands by."""
        if self._spare is not None:
            self._spare[0].kill()  # it holds nothing, and may be amid its imports
            _end(*self._spare)
        _end(self._child, self._wire)
        self._spawner.shutdown()
        self._memory.close()

    def _spawn(self) -> tuple[subprocess.Popen[bytes], Connection]:
        self._ready = False
        if self._spare is not None:
            (child, wire), self._spare = self._spare, None
            try:
                wire.send(self._assignment)
            except OSError:  # it has been killed while it waited
                _end(child, wire)
            else:
                return child, wire
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
                # Ctrl-C, which it could not yet ignore while it imports, is for us alone.
                process_group=0,
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
        if self._spare is None:  # not before, or it would keep this one from its work
            self._stand_by()

    def _stand_by(self) -> None:
        try:
            self._spare = self._spawner.submit(self._start).result()
        except OSError as error:  # no descriptor, no memory: then the next one takes longer
            node = self._assignment.context.node
            log.warning("no process stands by", node=node, error=str(error))

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


def _end(child: subprocess.Popen[bytes], wire: Connection) -> None:
    """It leaves by itself when its socket closes, or is killed."""
    wire.close()
    try:
        child.wait(timeout=2.0)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
