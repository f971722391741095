"""The likeliest classes of a whole picture."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.results.result import Wire, check, plain


@dataclass(frozen=True, slots=True)
class Labels:
    """The K likeliest classes of a whole picture, the likeliest first.

    scores   (K,) float32, in [0, 1], falling
    classes  (K,) int64, indices into `labels`
    labels   the names of all classes the model knows
    raises   BadShape if the arrays do not fit each other
    """

    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    labels: tuple[str, ...]

    kind: ClassVar[str] = "labels"

    def __post_init__(self) -> None:
        check("Labels.scores", self.scores, (None,), np.float32)
        check("Labels.classes", self.classes, (len(self.scores),), np.int64)

    def measure(self, name: str) -> float:
        """The name of a class is its score; 0 when it is not among the likeliest."""
        if name not in self.labels:
            raise KeyError(name)
        hits = np.flatnonzero(self.classes == self.labels.index(name))
        return float(self.scores[hits[0]]) if len(hits) else 0.0

    def to_wire(self) -> Wire:
        return {
            "scores": plain(self.scores, 4),
            "classes": self.classes.tolist(),
            "labels": [self.labels[c] for c in self.classes],
        }
