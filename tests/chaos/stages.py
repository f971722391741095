"""Stages for faults, named in configs as `PATH:Name`, and quick to import."""

import threading
import time
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from models.results import Detections
from stages.frame import Frame
from stages.stage import Options, Stage, StageContext
from tests.factory import nothing


class Burn(Stage):
    """Takes 4 ms of a core for each frame."""

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        for _ in frames:
            end = time.thread_time() + 0.004
            while time.thread_time() < end:
                np.sort(np.arange(10_000)[::-1])
        return [nothing() for _ in frames]


class HangsOptions(Options):
    seconds: float = 1.0


class Hangs(Stage):
    """Does not come back from every 50th frame that it sees for so many seconds."""

    Options: ClassVar[type[Options]] = HangsOptions

    def __init__(self, options: HangsOptions, context: StageContext) -> None:
        self._seconds = options.seconds
        self._seen = 0

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        for _ in frames:
            self._seen += 1
            if self._seen % 50 == 0:
                threading.Event().wait(self._seconds)
        return [nothing() for _ in frames]
