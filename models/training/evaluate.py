"""Scores: precision, recall and F1 of classes, AP of boxes, IoU of masks; all in plain numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.agreement import overlaps
from models.training.augment import IGNORED

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Scores = dict[str, float]


def score_classes(
    probabilities: Floats, wanted: Integers, labels: Sequence[str]
) -> dict[str, float | dict[str, Scores]]:
    """How often the likeliest class is the right one.

    probabilities  (N, C)
    wanted         (N,) in 0..C-1
    returns        accuracy; f1, the mean over classes; classes: precision, recall and F1 of each.
                   A class that is never said has a precision of 0.
    """
    said = probabilities.argmax(axis=1)
    classes: dict[str, Scores] = {}
    for number, label in enumerate(labels):
        right = float(((said == number) & (wanted == number)).sum())
        precision = _share(right, float((said == number).sum()))
        recall = _share(right, float((wanted == number).sum()))
        f1 = _share(2 * precision * recall, precision + recall)
        classes[label] = {"precision": precision, "recall": recall, "f1": f1}
    return {
        "accuracy": float((said == wanted).mean()),
        "f1": float(np.mean([found["f1"] for found in classes.values()])),
        "classes": classes,
    }


@dataclass(frozen=True, slots=True)
class Found:
    """What a detector says about one picture.

    boxes    (N, 4) float32, x1 y1 x2 y2 in [0, 1] of the input
    scores   (N,) float32
    classes  (N,) int64
    """

    boxes: Floats
    scores: Floats
    classes: Integers


@dataclass(frozen=True, slots=True)
class There:
    """What is in a picture: boxes (N, 4) float32, as those of `Found`; classes (N,) int64."""

    boxes: Floats
    classes: Integers


def average_precision(
    found: Sequence[Found], there: Sequence[There], number: int, least: float = 0.5
) -> float:
    """The area under the curve of precision over recall, of one class.

    As Pascal VOC has it since 2010 (development kit, section 3.4.1): precision at a recall is the
    best at that recall or above; of two boxes for one thing the one with the higher score counts,
    and the other is wrong.
    least    the IoU from which on a box counts
    returns  in [0, 1]; nan if there is nothing of that class
    """
    total = sum(int((one.classes == number).sum()) for one in there)
    if not total:
        return float("nan")
    scores, right = [np.zeros(0, np.float32)], [np.zeros(0, bool)]
    for said, real in zip(found, there, strict=True):
        mine = said.classes == number
        order = np.argsort(-said.scores[mine], kind="stable")
        scores.append(said.scores[mine][order])
        right.append(_hits(said.boxes[mine][order], real.boxes[real.classes == number], least))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hits = np.concatenate(right)[order].cumsum()
    recall, precision = hits / total, hits / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0) * best).sum())


def _hits(boxes: Floats, real: Floats, least: float) -> NDArray[np.bool_]:
    """Which boxes, best first, are the first on a thing."""
    hits = np.zeros(len(boxes), bool)
    taken: set[int] = set()
    if len(real):
        for index, row in enumerate(overlaps(boxes, real)):
            best = int(row.argmax())
            if row[best] >= least and best not in taken:
                taken.add(best)
                hits[index] = True
    return hits


class MaskScore:
    """Counts pixels by class, picture after picture; ignored ones are left out."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._pixels = np.zeros((classes, classes), np.int64)  # wanted, said

    def add(self, said: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> None:
        """Both of one shape, the class of each pixel."""
        counted = wanted != IGNORED
        pairs = wanted[counted].astype(np.int64) * self._classes + said[counted]
        self._pixels += np.bincount(pairs, minlength=self._classes**2).reshape(self._pixels.shape)

    def scores(self, labels: Sequence[str]) -> dict[str, float | Scores]:
        """Pixel accuracy; iou, the mean over classes that are there; classes: the IoU of each."""
        right = self._pixels.diagonal()
        union = self._pixels.sum(axis=0) + self._pixels.sum(axis=1) - right
        classes = {label: float(right[i] / union[i]) for i, label in enumerate(labels) if union[i]}
        return {
            "accuracy": _share(float(right.sum()), float(self._pixels.sum())),
            "iou": float(np.mean([*classes.values()])) if classes else 0.0,
            "classes": classes,
        }


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
