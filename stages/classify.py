"""Name the whole picture: any ONNX classifier that keeps the classifier's contract."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from models.results import Labels
from stages.frame import Frame
from stages.model import open_model
from stages.picture import Wanted
from stages.stage import Stage, StageContext, StageOptions


class ClassifyOptions(StageOptions):
    """The keys of `stage: classify`."""

    model: str = Field(description="A model of the zoo, or the path of an ONNX file.")
    top: int = Field(5, ge=1, description="How many of the likeliest classes are reported.")
    exact: bool = Field(
        False, description="Shrink pictures by averaging over areas: slower, without aliasing."
    )


class Classify(Stage):
    """The likeliest classes of each frame."""

    Options: ClassVar[type[StageOptions]] = ClassifyOptions
    stateless = True

    def __init__(self, options: ClassifyOptions, context: StageContext) -> None:
        """Open the model. Raises ModelError when it is missing or not a classifier."""
        self._spec, self._session = open_model(options.model, "classify", context)
        self._wanted = Wanted.by(self._spec.input, exact=options.exact)
        self._top = min(options.top, len(self._spec.labels))

    def run(self, frames: Sequence[Frame]) -> Sequence[Labels]:
        """One `Labels` a frame."""
        images = np.stack([frame.picture.pixels(self._wanted) for frame in frames])
        rows = np.asarray(self._session.run({"image": images})["probabilities"], np.float32)
        best = np.argsort(-rows, axis=1, kind="stable")[:, : self._top]
        return [
            Labels(row[order], order.astype(np.int64), self._spec.labels)
            for row, order in zip(rows, best, strict=True)
        ]
