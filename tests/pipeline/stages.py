"""Stages for tests, named in configs as `./stages.py:Name` with this folder as the config's."""

import os
import signal
import threading
from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, Field

from models.results import Detections
from stages.errors import BadOptions
from stages.events import Event
from stages.frame import Frame
from stages.shapes import Share
from stages.stage import Options, Stage, StageContext
from tests.factory import detections, nothing


class Count(Stage):
    """Finds one thing in odd frames and nothing in even ones."""

    stateless = True

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        return [detections() if frame.seq % 2 else nothing() for frame in frames]


class MeanGrey(Stage):
    """Finds one thing whose score is the picture's mean grey, to see that pixels arrive whole."""

    stateless = True

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        return [detections(scores=[frame.picture.bgr.mean() / 255]) for frame in frames]


class Silent(Stage):
    """Has something to say about every third frame."""

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections | None]:
        return [None if frame.seq % 3 else nothing() for frame in frames]


class FailOptions(Options):
    nth: int = 1


class Fail(Stage):
    """Raises on each `nth` frame."""

    Options: ClassVar[type[Options]] = FailOptions
    stateless = True

    def __init__(self, options: FailOptions, context: StageContext) -> None:
        self._nth = options.nth

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        for frame in frames:
            if frame.seq % self._nth == 0:
                raise ZeroDivisionError(f"frame {frame.seq}")
        return [nothing() for _ in frames]


class Closes(Stage):
    """Leaves a file when it is closed."""

    def __init__(self, options: Options, context: StageContext) -> None:
        self._mark = context.folder / "closed"

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        return [nothing() for _ in frames]

    def close(self) -> None:
        self._mark.touch()


class Unmakeable(Stage):
    """Cannot be made."""

    def __init__(self, options: Options, context: StageContext) -> None:
        raise RuntimeError("no such thing as this stage")

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        raise NotImplementedError


class DieAt(Stage):
    """Kills its own process at frame 5, as a crash in native code would."""

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        if any(frame.seq == 5 for frame in frames):
            os.kill(os.getpid(), signal.SIGKILL)
        return [nothing() for _ in frames]


class Hang(Stage):
    """Does not come back before the pipeline has given it up."""

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        threading.Event().wait(9)
        raise NotImplementedError


class Slow(Stage):
    """Takes a fifth of a second for each frame."""

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        threading.Event().wait(0.2)
        return [nothing() for _ in frames]


class Announces(Stage):
    """Announces each frame it sees, with the nodes that it was told are before it."""

    def __init__(self, options: Options, context: StageContext) -> None:
        self._context = context

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        for frame in frames:
            before = " ".join(self._context.inputs)
            self._context.announce(Event("seen", frame.stream, {"seq": frame.seq, "in": before}))
        return [nothing() for _ in frames]


class Whole(Stage):
    """Finds one thing that fills the picture."""

    stateless = True

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        return [detections((0, 0, 1, 1), labels=("face",)) for _ in frames]


class ScoredOptions(Options):
    score: float = Field(0.5, ge=0, le=1)
    scores: dict[str, Share] = Field({})
    label: str = "person"


class Scored(Stage):
    """Finds one thing, whose score is what the option `score` says. Does not want to be sure."""

    Options: ClassVar[type[Options]] = ScoredOptions
    live: ClassVar[frozenset[str]] = frozenset({"score", "scores"})
    stateless = True

    def __init__(self, options: ScoredOptions, context: StageContext) -> None:
        self._score = options.score

    def retune(self, options: BaseModel) -> None:
        assert isinstance(options, ScoredOptions)
        if options.score == 1:
            raise BadOptions("score: wanted some doubt, got 1")
        self._score = options.score

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        return [detections(scores=[self._score]) for _ in frames]


class Walks(Stage):
    """Finds one thing that goes from left to right in fifty frames, and stays there."""

    stateless = True

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        left = [min(frame.seq / 50, 1) * 0.8 for frame in frames]
        return [detections((x, 0.25, x + 0.2, 0.75)) for x in left]


class HangAt(Stage):
    """Does not come back from frame 5 for a second."""

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        if any(frame.seq == 5 for frame in frames):
            threading.Event().wait(1)
        return [nothing() for _ in frames]
