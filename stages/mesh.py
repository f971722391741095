"""The shape of each face that was found before: any ONNX model that keeps a mesh's contract."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.results import FaceMesh
from stages.errors import BadOptions
from stages.frame import Frame
from stages.model import open_model
from stages.picture import Crop, Wanted
from stages.stage import Stage, StageContext, StageOptions
from stages.upstream import things

MOST = 32  # faces in one call


class MeshOptions(StageOptions):
    """The keys of `stage: mesh`."""

    model: str = Field(
        "facemesh-468", description="A model of the zoo, or the path of an ONNX file."
    )
    score: float = Field(0.5, ge=0, le=1, description="Least score of a face that is reported.")
    margin: float = Field(
        0.25, ge=0, le=2, description="What is shown around a face, as a share of its box's longer "
        "side on each side. MediaPipe has 0.25.",
    )  # fmt: skip


class Mesh(Stage):
    """The points of each face in each frame."""

    Options: ClassVar[type[StageOptions]] = MeshOptions
    stateless = True

    def __init__(self, options: MeshOptions, context: StageContext) -> None:
        """Open the model.

        raises  ModelError when it is missing or gives no mesh; BadOptions when no node before it
                finds faces
        """
        if not context.inputs:
            raise BadOptions(f"{context.node}: wanted a node that finds faces in `from`, got none")
        self._spec, self._session = open_model(options.model, "mesh", context)
        self._options = options
        self._inputs = context.inputs

    def run(self, frames: Sequence[Frame]) -> Sequence[FaceMesh | None]:
        """One `FaceMesh` a frame; None where nobody has looked for faces."""
        looked = [self._crops(frame) for frame in frames]
        looks = [
            (index, self._wanted(crop))
            for index, crops in enumerate(looked)
            for crop in (crops or ())
        ]
        meshes: list[list[NDArray[np.float32]]] = [[] for _ in frames]
        scores: list[list[float]] = [[] for _ in frames]
        for at in range(0, len(looks), MOST):
            part = looks[at : at + MOST]
            images = np.stack([frames[index].picture.pixels(wanted) for index, wanted in part])
            out = self._session.run({"image": images})
            for (index, wanted), points, score in zip(
                part, np.asarray(out["points"], np.float32), out["score"].tolist(), strict=True
            ):
                if score >= self._options.score:
                    meshes[index].append(self._placed(frames[index], wanted, points))
                    scores[index].append(score)
        return [
            None if crops is None else _mesh(mesh, score)
            for crops, mesh, score in zip(looked, meshes, scores, strict=True)
        ]

    def _crops(self, frame: Frame) -> Sequence[Crop] | None:
        """A square around each face, as far as it lies on the picture."""
        found = things(frame, self._inputs)
        if found is None:
            return None
        size = np.array(frame.picture.size, np.float32)
        low, high = found.boxes[:, :2], found.boxes[:, 2:]
        middle = (low + high) / 2
        side = ((high - low) * size).max(axis=1, keepdims=True, initial=0)
        half = side * (0.5 + self._options.margin) / size
        crops = (frame.picture.around(box) for box in np.hstack([middle - half, middle + half]))
        return [crop for crop in crops if crop is not None]

    def _wanted(self, crop: Crop) -> Wanted:
        # At the edge of a picture a crop is no square: the face must not be stretched to one.
        return replace(Wanted.by(self._spec.input, exact=False, crop=crop), fit="letterbox")

    @staticmethod
    def _placed(frame: Frame, wanted: Wanted, points: NDArray[np.float32]) -> NDArray[np.float32]:
        place = frame.picture.placed(wanted)
        across = place.width / place.inner_width * place.part[2]
        return np.hstack([place.undo(points[:, :2]), points[:, 2:] * np.float32(across)])


def _mesh(points: Sequence[NDArray[np.float32]], scores: Sequence[float]) -> FaceMesh:
    stacked = np.stack(points) if points else np.empty((0, 0, 3), np.float32)
    return FaceMesh(stacked, np.array(scores, np.float32))
