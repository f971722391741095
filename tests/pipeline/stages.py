"""Stages for tests, named in configs as `./stages.py:Name` with this folder as the config's."""

import os
import signal
from collections.abc import Sequence
from typing import ClassVar

from models.results import Detections
from stages.frame import Frame
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
    every: int = 1


class Fail(Stage):
    """Raises on each `every`th frame."""

    Options: ClassVar[type[Options]] = FailOptions
    stateless = True

    def __init__(self, options: FailOptions, context: StageContext) -> None:
        self._every = options.every

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        for frame in frames:
            if frame.seq % self._every == 0:
                raise ZeroDivisionError(f"frame {frame.seq}")
        return [nothing() for _ in frames]


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
