"""Faces into embeddings: the same way for those that are enrolled and those that are met."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.originals import digest
from models.results import Detections
from stages.faces.align import Eyes, upright
from stages.model import in_parts, open_model
from stages.picture import Picture, Wanted
from stages.stage import StageContext


class Embedder:
    """A recogniser, and what of a picture it is shown.

    margin  what is shown around a face's box, as a share of it
    eyes    turn faces upright by these instead; None: show the box
    """

    def __init__(
        self, model: str, context: StageContext, *, margin: float = 0.0, eyes: Eyes | None = None
    ) -> None:
        """Raises ModelError when the model is missing or gives no embedding."""
        self._spec, self._session = open_model(model, "embed", context)
        self.model = self._spec.name
        self.margin = margin
        self.eyes = eyes

    @property
    def shown(self) -> str:
        """In a word: faces that were shown in another way are farther apart than they are."""
        return f"box {self.margin:g}" if self.eyes is None else "eyes"

    def sha256(self) -> str:
        """Of the ONNX file: faces of two models cannot be compared."""
        return digest(self._session.path)

    def image(self, picture: Picture, found: Detections, row: int) -> NDArray[np.uint8] | None:
        """What the model is shown of one of the faces; None if nothing of it can be seen."""
        if self.eyes is not None and found.points is not None:
            return upright(picture, found.points[row, list(self.eyes)], self._spec.input)
        crop = picture.around(found.boxes[row], self.margin)
        if crop is None:
            return None
        return picture.pixels(Wanted.by(self._spec.input, exact=False, crop=crop))

    def whole(self, picture: Picture) -> NDArray[np.uint8]:
        """What the model is shown of a picture that a face fills."""
        return picture.pixels(Wanted.by(self._spec.input, exact=False))

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(B, D) of B inputs, in as many calls as it takes."""
        rows = [out["embedding"] for out in in_parts(self._session, images)]
        return np.concatenate(rows).astype(np.float32) if rows else np.empty((0, 0), np.float32)
