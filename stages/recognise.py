"""Say whose each face is that was found before: any ONNX model that gives embeddings."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.results import Detections
from stages.errors import BadOptions
from stages.frame import Frame
from stages.gallery import Gallery
from stages.model import open_model
from stages.picture import Picture, Wanted
from stages.stage import Stage, StageContext, StageOptions
from stages.upstream import things

MOST = 32  # faces in one call


class RecogniseOptions(StageOptions):
    """The keys of `stage: recognise`."""

    model: str = Field(
        "face-recognition-128", description="A model of the zoo, or the path of an ONNX file."
    )
    gallery: Path = Field(
        description="A folder with a folder for each person, named as they are, and in it pictures "
        "of them, each cropped to the face."
    )
    metric: Literal["l2", "cosine"] = Field(
        "l2", description="How far two faces are apart: `l2`, or `cosine` (1 minus the cosine)."
    )
    threshold: float = Field(
        0.6,
        ge=0,
        description="A face that is farther from all known ones is `unknown`. 0.6 is "
        "face-recognition-128's for `l2`.",
    )
    margin: float = Field(
        0.0, ge=0, le=2, description="What is shown around a face, as a share of its box."
    )


class Recognise(Stage):
    """The faces before it, each with a name and its distance."""

    Options: ClassVar[type[StageOptions]] = RecogniseOptions
    stateless = True

    def __init__(self, options: RecogniseOptions, context: StageContext) -> None:
        """Open the model and look at the gallery.

        raises  ModelError when the model is missing or gives no embedding; BadOptions when no node
                before it finds faces, or the gallery is empty
        """
        if not context.inputs:
            raise BadOptions(f"{context.node}: wanted a node that finds faces in `from`, got none")
        self._spec, self._session = open_model(options.model, "embed", context)
        self._options = options
        self._inputs = context.inputs
        self._gallery = Gallery.read(context.folder / options.gallery, self._embed_whole)

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections | None]:
        """One `Detections` a frame, with `distances`; None where nobody has looked for faces."""
        looked = [self._crops(frame) for frame in frames]
        images = [image for one in looked if one is not None for image in one[1]]
        faces = self._embed(images)
        said: list[Detections | None] = []
        for one in looked:
            if one is None:
                said.append(None)
                continue
            found, crops = one
            mine, faces = faces[: len(crops)], faces[len(crops) :]
            who, far = self._gallery.nearest(mine, self._options.metric, self._options.threshold)
            said.append(
                Detections(
                    found.boxes, found.scores, who, self._gallery.names,
                    found.points, None, found.tracks, far,
                )
            )  # fmt: skip
        return said

    def _crops(self, frame: Frame) -> tuple[Detections, Sequence[NDArray[np.uint8]]] | None:
        """The faces of which something shows, and their pixels."""
        found = things(frame, self._inputs)
        if found is None:
            return None
        around = [frame.picture.around(box, self._options.margin) for box in found.boxes]
        rows = [row for row, crop in enumerate(around) if crop is not None]
        pixels = [
            frame.picture.pixels(Wanted.by(self._spec.input, exact=False, crop=around[row]))
            for row in rows
        ]
        return found.pick(np.array(rows, np.int64)), pixels

    def _embed_whole(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        wanted = Wanted.by(self._spec.input, exact=False)
        return self._embed([picture.pixels(wanted) for picture in pictures])

    def _embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(B, D) of B inputs, in as many calls as it takes."""
        parts = [images[at : at + MOST] for at in range(0, len(images), MOST)]
        rows = [self._session.run({"image": np.stack(part)})["embedding"] for part in parts]
        return np.concatenate(rows).astype(np.float32) if rows else np.empty((0, 0), np.float32)
