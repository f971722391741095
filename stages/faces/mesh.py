"""The shape of each face that was found before: any ONNX model that keeps a mesh's contract."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.results import Detections, FaceMesh
from stages.faces.align import Eyes, levelled, shown
from stages.frame import Frame
from stages.model import in_parts, open_model
from stages.picture import Crop, Picture, Wanted
from stages.stage import Stage, StageContext, StageOptions
from stages.upstream import fed, things


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
    eyes: Eyes | None = Field(
        (0, 1),
        description="Which key points are a face's eyes, first the one on the left of the picture: "
        "it is looked at with level eyes, as the model learnt it. `[0, 1]` is blazeface-short's; "
        "`null`, and faces without key points: as they are.",
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """What the model is shown of a face, and the way back from its points to the picture's."""

    image: NDArray[np.uint8]
    undo: Callable[[NDArray[np.float32]], NDArray[np.float32]]


class Mesh(Stage):
    """The points of each face in each frame."""

    Options: ClassVar[type[StageOptions]] = MeshOptions
    live: ClassVar[frozenset[str]] = frozenset({"score"})
    stateless = True

    def __init__(self, options: MeshOptions, context: StageContext) -> None:
        """Open the model.

        raises  ModelError when it is missing or gives no mesh; BadOptions when no node before it
                finds faces
        """
        self._inputs = fed(context, "that finds faces")
        self._spec, self._session = open_model(options.model, "mesh", context)
        self._options = options

    def retune(self, options: BaseModel) -> None:
        """Another least score."""
        assert isinstance(options, MeshOptions)
        self._options = options

    def run(self, frames: Sequence[Frame]) -> Sequence[FaceMesh | None]:
        """One `FaceMesh` a frame; None where nobody has looked for faces."""
        found = [things(frame, self._inputs) for frame in frames]
        looks = [
            (index, look)
            for index, (frame, faces) in enumerate(zip(frames, found, strict=True))
            for look in (() if faces is None else self._looks(frame.picture, faces))
        ]
        meshes: list[list[NDArray[np.float32]]] = [[] for _ in frames]
        scores: list[list[float]] = [[] for _ in frames]
        said = (
            one
            for out in in_parts(self._session, [look.image for _, look in looks])
            for one in zip(
                np.asarray(out["points"], np.float32), out["score"].tolist(), strict=True
            )
        )
        for (index, look), (points, score) in zip(looks, said, strict=True):
            if score >= self._options.score:
                meshes[index].append(look.undo(points))
                scores[index].append(score)
        return [
            None if faces is None else _mesh(mesh, score)
            for faces, mesh, score in zip(found, meshes, scores, strict=True)
        ]

    def _looks(self, picture: Picture, faces: Detections) -> Iterator[_Look]:
        """A square around each face, as far as it lies on the picture."""
        size = np.array(picture.size, np.float32)
        low, high = faces.boxes[:, :2], faces.boxes[:, 2:]
        middle = (low + high) / 2
        side = ((high - low) * size).max(axis=1, keepdims=True, initial=0)
        side *= 1 + 2 * self._options.margin
        around = np.hstack([middle - side / 2 / size, middle + side / 2 / size])
        for row in range(len(faces)):
            look = self._turned(picture, faces, row, float(side[row, 0]))
            if look is None and (crop := picture.around(around[row])) is not None:
                look = self._straight(picture, crop)
            if look is not None:
                yield look

    def _turned(self, picture: Picture, faces: Detections, row: int, side: float) -> _Look | None:
        eyes, points = self._options.eyes, faces.points
        if eyes is None or points is None or points.shape[1] <= max(eyes):
            return None
        # A box that is as wide as many pictures would ask for as large a crop.
        if picture.around(faces.boxes[row]) is None:
            return None
        model = self._spec.input
        turn = levelled(picture, faces.boxes[row], points[row, list(eyes)], side, model)
        image = None if turn is None else shown(picture, turn, model)
        if turn is None or image is None:
            return None
        back = cv2.invertAffineTransform(turn)
        size = np.array(picture.size, np.float64)
        shape = np.array([model.width, model.height], np.float64)

        def undo(mesh: NDArray[np.float32]) -> NDArray[np.float32]:
            places = (mesh[:, :2] * shape) @ back[:, :2].T + back[:, 2]
            return np.hstack([places / size, mesh[:, 2:] * (side / size[0])]).astype(np.float32)

        return _Look(image, undo)

    def _straight(self, picture: Picture, crop: Crop) -> _Look:
        # At the edge of a picture a crop is no square: the face must not be stretched to one.
        model = Wanted.by(self._spec.input, exact=False, crop=crop)
        wanted = replace(model, fit="letterbox")
        place = picture.placed(wanted)
        across = np.float32(place.width / place.inner_width * place.part[2])

        def undo(mesh: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.hstack([place.undo(mesh[:, :2]), mesh[:, 2:] * across])

        return _Look(picture.pixels(wanted), undo)


def _mesh(points: Sequence[NDArray[np.float32]], scores: Sequence[float]) -> FaceMesh:
    stacked = np.stack(points) if points else np.empty((0, 0, 3), np.float32)
    return FaceMesh(stacked, np.array(scores, np.float32))
