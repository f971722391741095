"""Let frames through only while something moves: a gate that spares what lies behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.results import Motion
from stages.frame import Frame
from stages.picture import Wanted
from stages.stage import Stage, StageContext, StageOptions

# Small enough to cost a fraction of a millisecond, and averaged over areas, so that the noise of
# single pixels does not count; a thing of 1/40 of the width still covers four.
SIZE = Wanted(160, 90, exact=True)


class MotionOptions(StageOptions):
    """The keys of `stage: motion`."""

    threshold: float = Field(
        0.005, ge=0, le=1, description="The least share of the picture that has to change."
    )
    delta: int = Field(
        12, ge=1, le=255, description="By how many of 256 grey levels a spot has to change."
    )
    hold_s: float = Field(
        1.0, ge=0, description="Stay open for so many seconds after the last motion."
    )


@dataclass(slots=True)
class _Gate:
    """Of one stream: the last picture that went through, and until when all do, by its clock."""

    grey: NDArray[np.uint8]
    until: float


class MotionGate(Stage):
    """The share of each picture that has changed; silent while everything is still.

    It is compared with the last picture that went through, not with the one before: what creeps
    adds up until it counts. The first picture of a stream goes through.
    """

    Options: ClassVar[type[StageOptions]] = MotionOptions
    live: ClassVar[frozenset[str]] = frozenset({"threshold", "delta"})

    def __init__(self, options: MotionOptions, context: StageContext) -> None:  # noqa: ARG002
        """No model and no files."""
        self._hold = options.hold_s
        self._gates: dict[str, _Gate] = {}
        self.retune(options)

    def retune(self, options: BaseModel) -> None:
        """Other thresholds; what is open stays open for as long as it was to."""
        assert isinstance(options, MotionOptions)
        self._threshold = options.threshold
        self._delta = options.delta

    def run(self, frames: Sequence[Frame]) -> Sequence[Motion | None]:
        """One `Motion` a frame, or None: nodes behind do not see it."""
        return [self._look(frame) for frame in frames]

    def _look(self, frame: Frame) -> Motion | None:
        grey = np.asarray(cv2.cvtColor(frame.picture.pixels(SIZE), cv2.COLOR_RGB2GRAY), np.uint8)
        gate = self._gates.get(frame.stream)
        if gate is None:
            self._gates[frame.stream] = _Gate(grey, frame.pts + self._hold)
            return Motion(1.0)
        share = float(np.mean(cv2.absdiff(grey, gate.grey) >= self._delta))
        if share > 0 and share >= self._threshold:
            gate.until = frame.pts + self._hold
        elif frame.pts >= gate.until:
            return None
        gate.grey = grey
        return Motion(share)
