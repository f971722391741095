"""The loss of YOLOv2, and the targets that it is counted against.

Redmon and Farhadi, arXiv:1612.08242, section 2, and Redmon et al., arXiv:1506.02640, equation 3.
What the numbers of the last layer mean stands in `models/export/yolo.py`. Of the paper's choices:
the prior with the best overlap in the cell of a box's middle learns that box; priors whose box
overlaps one by more than 0.6 are not told that there is nothing. Of others': the objectness of a
box is its present overlap (darknet's `rescore`), small boxes weigh up to twice as much (darknet's
`2 - w * h`), and place and objectness are learnt by cross-entropy (YOLOv3, arXiv:1804.02767,
section 2.1), which does not stall where a sigmoid is flat.
"""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from models.export.yolo import BOX, SIZE_LIMIT, Head

Floats = NDArray[np.float32]

IGNORE_ABOVE = 0.6  # darknet's `thresh` in yolov2-voc.cfg
SHAPE_WEIGHT = 2.0  # width and height are exponents: their errors are small numbers
OBJECT_WEIGHT = 2.0
# Boxes a picture that are looked at when nothing is to be told apart from something; more than any
# picture of a grid of some hundred cells holds.
MOST_BOXES = 32

# A target has the numbers of the head's box, then 1 where there is a box, then the class.
TARGET = BOX + 1


def encode(boxes: Floats, classes: NDArray[np.int64], head: Head) -> Floats:
    """What the network should say about a picture.

    boxes    (N, 4) float32, x1 y1 x2 y2 in [0, 1] of the input
    classes  (N,) int64
    returns  (rows, columns, priors, TARGET) float32: place in the cell in [0, 1], tw, th, 1 where
             there is a box, the class. Of two boxes for one prior of a cell, the larger stays.
    """
    anchors = np.array(head.anchors, np.float32)
    target = np.zeros((head.rows, head.columns, len(anchors), TARGET), np.float32)
    grid = np.array([head.columns, head.rows], np.float32)
    middles, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2 * grid, (boxes[:, 2:] - boxes[:, :2]) * grid
    for index in np.argsort(sizes.prod(axis=1), kind="stable"):
        prior = int(shape_overlap(sizes[index : index + 1], anchors).argmax())
        column, row = np.minimum(middles[index].astype(np.int64), grid.astype(np.int64) - 1)
        target[row, column, prior] = (
            *(middles[index] - (column, row)),
            *np.log(sizes[index] / anchors[prior]),
            1,
            classes[index],
        )
    return target


def shape_overlap(sizes: Floats, anchors: Floats) -> Floats:
    """(N, P): the IoU of N boxes (N, 2) with P priors (P, 2) when their middles are the same."""
    both = np.minimum(sizes[:, np.newaxis], anchors).prod(axis=2)
    either = sizes.prod(axis=1)[:, np.newaxis] + anchors.prod(axis=1) - both
    return np.asarray(both / either, np.float32)


def find_anchors(sizes: Floats, count: int, seed: int) -> tuple[tuple[float, float], ...]:
    """Prior boxes by k-means with 1 - IoU as the distance (the paper, section 2).

    sizes    (N, 2) float32, width and height of the boxes of `train`, in cells
    returns  `count` sizes, small to large; the best of ten starts
    """
    count = min(count, len(np.unique(sizes, axis=0)))
    random = np.random.default_rng(seed)
    tries = [_cluster(sizes, count, random) for _ in range(10)]
    best = max(tries, key=lambda middles: shape_overlap(sizes, middles).max(axis=1).mean())
    best = best[best.prod(axis=1).argsort(kind="stable")]
    return tuple((round(float(w), 4), round(float(h), 4)) for w, h in best)


def _cluster(sizes: Floats, count: int, random: np.random.Generator) -> Floats:
    middles = random.permutation(np.unique(sizes, axis=0))[:count]
    for _ in range(100):
        nearest = shape_overlap(sizes, middles).argmax(axis=1)
        moved = np.stack(
            [
                np.median(sizes[nearest == i], axis=0) if (nearest == i).any() else middles[i]
                for i in range(count)
            ]
        )
        if np.array_equal(moved, middles):
            break
        middles = moved
    return middles


class YoloLoss(keras.losses.Loss):  # type: ignore[misc]
    """Called with targets of `encode`, (B, rows, columns, priors, TARGET), and the last layer,
    (B, rows, columns, head.channels). The sum over a picture, averaged over the batch.
    """

    def __init__(self, head: Head) -> None:
        super().__init__(name="yolo", reduction="sum_over_batch_size")
        self._head = head
        self._anchors = np.array(head.anchors, np.float32)
        y, x = np.divmod(np.arange(head.rows * head.columns, dtype=np.int64), head.columns)
        cells = np.stack([x, y], axis=1).astype(np.float32)
        self._cells = cells.reshape(head.rows, head.columns, 1, 2)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        head = self._head
        shape = (-1, head.rows, head.columns, len(head.anchors), head.numbers)
        said = ops.reshape(y_pred, shape)
        there = y_true[..., 4]
        box, wanted_box = self._box(ops.sigmoid(said[..., :2]), said), self._box(y_true, y_true)
        overlap = _overlap(box, wanted_box)
        small = 2 - ops.prod(wanted_box[..., 2:] - wanted_box[..., :2], axis=-1) / (
            head.rows * head.columns
        )
        place = ops.sum(_cross_entropy(y_true[..., :2], said[..., :2]), axis=-1)
        form = ops.sum(ops.square(y_true[..., 2:4] - said[..., 2:4]), axis=-1)
        found = _cross_entropy(ops.stop_gradient(overlap), said[..., 4])
        missing = _cross_entropy(ops.zeros_like(there), said[..., 4])
        free = (1 - there) * self._far_from_all(ops.stop_gradient(box), wanted_box, there)
        loss = there * (small * (place + SHAPE_WEIGHT * form) + OBJECT_WEIGHT * found)
        loss = loss + free * missing
        if head.class_logits and head.classes > 1:
            chosen = ops.one_hot(ops.cast(y_true[..., 5], "int32"), head.classes)
            likely = ops.log_softmax(said[..., BOX:], axis=-1)
            loss = loss - there * ops.sum(chosen * likely, axis=-1)
        return ops.sum(loss, axis=(1, 2, 3))

    def _box(self, place: Any, sizes: Any) -> Any:
        """x1 y1 x2 y2 in cells, from the place in a cell and tw, th."""
        middle = place[..., :2] + self._cells
        half = ops.exp(ops.clip(sizes[..., 2:4], -SIZE_LIMIT, SIZE_LIMIT)) * self._anchors / 2
        return ops.concatenate([middle - half, middle + half], axis=-1)

    def _far_from_all(self, box: Any, wanted: Any, there: Any) -> Any:
        """1 where the box that is said overlaps none of the picture's by IGNORE_ABOVE."""
        count = int(np.prod(there.shape[1:]))
        flat = ops.reshape(there, (-1, count))
        real, where = ops.top_k(flat, min(MOST_BOXES, count), sorted=False)
        boxes = ops.take_along_axis(
            ops.reshape(wanted, (-1, count, 4)), ops.expand_dims(where, -1), axis=1
        )
        overlap = _overlap(
            ops.reshape(box, (-1, count, 1, 4)), ops.expand_dims(boxes, 1)
        ) * ops.expand_dims(real, 1)
        far = ops.cast(ops.max(overlap, axis=-1) < IGNORE_ABOVE, there.dtype)
        return ops.reshape(far, ops.shape(there))


def _overlap(one: Any, other: Any) -> Any:
    """IoU of boxes x1 y1 x2 y2, on the last axis."""
    near = ops.maximum(one[..., :2], other[..., :2])
    far = ops.minimum(one[..., 2:], other[..., 2:])
    both = ops.prod(ops.maximum(far - near, 0), axis=-1)
    areas = [ops.prod(box[..., 2:] - box[..., :2], axis=-1) for box in (one, other)]
    return both / (areas[0] + areas[1] - both + keras.config.epsilon())


def _cross_entropy(wanted: Any, logits: Any) -> Any:
    """Of each number; the form that does not overflow."""
    return ops.maximum(logits, 0) - logits * wanted + ops.log1p(ops.exp(-ops.abs(logits)))
