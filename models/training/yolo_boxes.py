"""What the last layer of YOLOv2 means, in plain numpy: a reference for the graph's decoding."""

import numpy as np
from numpy.typing import NDArray

from models.agreement import overlaps
from models.export.yolo import BOX, SIZE_LIMIT, Head
from models.training.evaluate import Found

Floats = NDArray[np.float32]

# Of boxes of a class that overlap by more, one stays: darknet's `nms` in examples/detector.c.
OVERLAP = 0.45
# Low enough for the whole curve of precision over recall: darknet's `thresh` when it validates.
LEAST_SCORE = 0.005
MOST = 100  # boxes a picture


def decode(raw: Floats, head: Head) -> tuple[Floats, Floats]:
    """All boxes of a picture, before any is left out.

    raw      (rows, columns, head.channels) float32
    returns  boxes (M, 4), x1 y1 x2 y2 in [0, 1] of the input, not clipped; scores (M, classes)
    """
    said = raw.reshape(head.rows, head.columns, len(head.anchors), head.numbers)
    grid = np.array([head.columns, head.rows], np.float32)
    y, x = np.divmod(np.arange(head.rows * head.columns), head.columns)
    cells = np.stack([x, y], axis=1).reshape(head.rows, head.columns, 1, 2)
    middle = (_sigmoid(said[..., :2]) + cells) / grid
    sizes = np.exp(np.minimum(said[..., 2:4], SIZE_LIMIT)) * np.array(head.anchors) / grid
    boxes = np.concatenate([middle - sizes / 2, middle + sizes / 2], axis=-1)
    scores = _sigmoid(said[..., 4:5])
    if head.class_logits:
        grown = np.exp(said[..., BOX:] - said[..., BOX:].max(axis=-1, keepdims=True))
        scores = scores * grown / grown.sum(axis=-1, keepdims=True)
    return boxes.reshape(-1, 4).astype(np.float32), scores.reshape(-1, head.classes)


def find(raw: Floats, head: Head) -> Found:
    """The boxes of a picture that are left after those that overlap a better one are gone."""
    boxes, scores = decode(raw, head)
    chosen = [(i, c) for c in range(head.classes) for i in _best(boxes, scores[:, c])]
    chosen.sort(key=lambda pair: -scores[pair])
    index = np.array([i for i, _ in chosen[:MOST]], np.int64)
    classes = np.array([c for _, c in chosen[:MOST]], np.int64)
    return Found(boxes[index], scores[index, classes].astype(np.float32), classes)


def _best(boxes: Floats, scores: Floats) -> list[int]:
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if scores[index] < LEAST_SCORE or len(kept) == MOST:
            break
        if not kept or overlaps(boxes[index : index + 1], boxes[kept]).max() <= OVERLAP:
            kept.append(int(index))
    return kept


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)), np.float32)
