"""The process that runs one isolated stage: `python -m pipeline.child SOCKET MEMORY`.

It is started by pipeline/isolation.py, which also says what crosses. It ends when its socket
closes and, on Linux, when the thread that started it ends: with its parent at the latest, so that
no orphan is left even after `kill -9`.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection

from models.results import Result
from pipeline.crossing import Assignment, Posted, Retuned, SharedMemory, unpack
from pipeline.tuning import step_back_whole, tune
from stages.events import Event
from stages.registry import find_stage
from stages.stage import Stage

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Make the stage, say so, then answer batch after batch."""
    _die_with_parent()
    tune()
    wire = Connection(int(sys.argv[1]))
    memory = SharedMemory(int(sys.argv[2]))
    try:
        assignment = wire.recv()
    except (EOFError, ConnectionResetError):  # it stood by, and we are gone
        return
    events: list[Event] = []
    try:
        stage = _make(assignment, events.append)
    except Exception as error:  # noqa: BLE001 - the stage could not be made: the parent raises it
        wire.send(("failed", (type(error).__name__, str(error))))
        return
    try:
        # Not before, or it would never be ready where others are busy.
        step_back_whole(assignment.context.nice)
        wire.send(("ready", ([], events)))
        while True:
            events.clear()
            wire.send(_answer(stage, wire.recv(), memory, events))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        stage.close()


def _make(assignment: Assignment, announce: Callable[[Event], None]) -> Stage:
    kind = assignment.stage
    if isinstance(kind, str):
        kind = find_stage(kind, assignment.context.folder)
    context = replace(assignment.context, announce=announce)
    return kind(kind.Options.model_validate(assignment.options), context)


def _answer(
    stage: Stage, told: Sequence[Posted] | Retuned, memory: SharedMemory, events: list[Event]
) -> tuple[str, tuple[list[Result | None], list[Event]] | tuple[str, str]]:
    try:
        if isinstance(told, Retuned):
            stage.retune(stage.Options.model_validate(told.options))
            return "results", ([], events)
        return "results", (list(stage.run([unpack(one, memory) for one in told])), events)
    except Exception as error:  # noqa: BLE001 - the stage boundary: the parent raises it
        return "failed", (type(error).__name__, str(error))


def _die_with_parent() -> None:
    # The end of a service reaches all its processes; the parent drains, and this one with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(1)


if __name__ == "__main__":
    main()
