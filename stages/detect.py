"""Find things: any ONNX detector that keeps the detector's contract (models/spec.py)."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from models.results import Detections
from stages.frame import Frame
from stages.model import open_model
from stages.picture import Wanted
from stages.stage import Stage, StageContext, StageOptions


class DetectOptions(StageOptions):
    """The keys of `stage: detect`."""

    model: str = Field(description="A model of the zoo, or the path of an ONNX file.")
    score: float = Field(0.5, ge=0, le=1, description="Least score of what is reported.")
    iou: float = Field(
        0.3, ge=0, le=1, description="Boxes that overlap a better one by more are left out."
    )
    exact: bool = Field(
        False, description="Shrink pictures by averaging over areas: slower, without aliasing."
    )


class Detect(Stage):
    """Boxes, scores, classes and key points of all things in each frame."""

    Options: ClassVar[type[StageOptions]] = DetectOptions
    stateless = True

    def __init__(self, options: DetectOptions, context: StageContext) -> None:
        """Open the model. Raises ModelError when it is missing or not a detector."""
        self._spec, self._session = open_model(options.model, "detect", context)
        self._wanted = Wanted.by(self._spec.input, exact=options.exact)
        limits = {"score_threshold": options.score, "iou_threshold": options.iou}
        self._limits = {
            name: np.array(value, np.float32)
            for name, value in limits.items()
            if name in self._session.inputs
        }

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        """One `Detections` a frame, empty where nothing was found."""
        images = np.stack([frame.picture.pixels(self._wanted) for frame in frames])
        out = self._session.run({"image": images, **self._limits})
        boxes, scores = (np.asarray(out[name], np.float32) for name in ("boxes", "scores"))
        classes = np.asarray(out["classes"], np.int64)
        points = np.asarray(out["points"], np.float32) if "points" in out else None
        found = []
        for index, frame in enumerate(frames):
            mine = out["batch"] == index
            undo = frame.picture.placed(self._wanted).undo
            inside = None if points is None else undo(points[mine])
            found.append(
                Detections(
                    undo(boxes[mine]), scores[mine], classes[mine], self._spec.labels, inside
                )
            )
        return found
