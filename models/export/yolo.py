"""The head of YOLOv2: what its last convolution says about the boxes of a picture.

Redmon and Farhadi, arXiv:1612.08242, section 2 and figure 3. The grid of the output has a cell for
each 32 x 32 pixels, a cell a few priors (anchor boxes), and a prior these numbers, in this order:
tx, ty, tw, th, to, then one number a class. With cx, cy the cell, pw, ph the prior in cells:

    middle  ((sigmoid(tx) + cx) / columns, (sigmoid(ty) + cy) / rows)
    size    (pw exp(tw) / columns, ph exp(th) / rows)
    score   sigmoid(to) softmax(classes)

Training reads the same equations the other way round.
"""

from dataclasses import dataclass

import numpy as np

from models.export.detections import emit_detections
from models.export.graph import Graph
from models.spec import ModelSpec

STRIDE = 32  # pixels from one cell to the next, down and across
BOX = 5  # tx, ty, tw, th, to
# Before exp, so that it does not overflow, not even in float16: a box of 22,026 priors.
SIZE_LIMIT = 10.0


@dataclass(frozen=True, slots=True)
class Head:
    """How the numbers of the last layer are laid out.

    rows, columns  cells of the grid
    anchors        width and height of each prior, in cells
    classes        how many there are
    class_logits   False: the network gives no numbers for classes, and there is only one
    raises         ValueError if there is no prior, or there are classes without numbers for them
    """

    rows: int
    columns: int
    anchors: tuple[tuple[float, float], ...]
    classes: int
    class_logits: bool = True

    def __post_init__(self) -> None:
        if not self.anchors:
            raise ValueError("Head: wanted at least one anchor, got none")
        if self.classes < 1 or (self.classes > 1 and not self.class_logits):
            raise ValueError(
                f"Head: wanted one class, or logits for several, got {self.classes} "
                f"{'with' if self.class_logits else 'without'} logits"
            )

    @property
    def numbers(self) -> int:
        """Of one prior."""
        return BOX + (self.classes if self.class_logits else 0)

    @property
    def channels(self) -> int:
        """Of the last layer: all numbers of the first prior, then of the second, and so on."""
        return len(self.anchors) * self.numbers


def head_of(spec: ModelSpec, *, class_logits: bool = True) -> Head:
    """The head that belongs to a spec's input, anchors and labels."""
    rows, columns = spec.input.height // STRIDE, spec.input.width // STRIDE
    return Head(rows, columns, spec.anchors, len(spec.labels), class_logits)


def emit_head(
    graph: Graph, raw: str, head: Head, *, score_threshold: float, iou_threshold: float
) -> None:
    """From the last layer to the outputs of a "detect" model.

    raw         (B, head.channels, rows, columns) float32, as the last convolution gives it
    thresholds  as in `models.export.detections.emit_detections`
    """
    boxes, scores = emit_boxes(graph, raw, head)
    emit_detections(
        graph,
        boxes,
        scores,
        classes=head.classes,
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
    )


def emit_boxes(graph: Graph, raw: str, head: Head) -> tuple[str, str]:
    """The box and the scores of each prior of each cell, M in all, before any is left out.

    raw      as in `emit_head`
    returns  boxes (B, M, 4) float32, x1 y1 x2 y2 in [0, 1] of the input, not clipped;
             scores (B, classes, M) float32. By prior, then by row, then by column.
    """
    priors, cells = len(head.anchors), head.rows * head.columns
    split = graph.add("Reshape", [raw, graph.integers(0, priors, head.numbers, cells)])
    sizes = (2, 2, 1, head.numbers - BOX)[: 4 if head.class_logits else 3]
    place, size, sure, *classes = graph.add_many(
        "Split", [split, graph.integers(*sizes)], len(sizes), {"axis": 2}
    )
    boxes = _corners(graph, place, size, head)
    boxes = graph.add("Transpose", [boxes], {"perm": (0, 1, 3, 2)})
    scores = graph.add("Sigmoid", [sure])
    if classes:
        likely = graph.add("Softmax", classes, {"axis": 2})
        scores = graph.add("Mul", [scores, likely])
        scores = graph.add("Transpose", [scores], {"perm": (0, 2, 1, 3)})
    return (
        graph.add("Reshape", [boxes, graph.integers(0, priors * cells, 4)]),
        graph.add("Reshape", [scores, graph.integers(0, head.classes, priors * cells)]),
    )


def _corners(graph: Graph, place: str, size: str, head: Head) -> str:
    """(B, priors, 4, cells) from tx, ty and tw, th, both (B, priors, 2, cells)."""
    grid = np.array([head.columns, head.rows], np.float32)
    y, x = np.divmod(np.arange(head.rows * head.columns), head.columns)
    cell = graph.constant(np.stack([x, y]).astype(np.float32))
    middle = graph.add("Add", [graph.add("Sigmoid", [place]), cell])
    middle = graph.add("Mul", [middle, graph.constant((1 / grid).reshape(2, 1))])
    # Half a prior, in [0, 1] of the input: the middle is that far from each side.
    half = np.array(head.anchors, np.float32) / grid / 2
    grown = graph.add("Exp", [graph.add("Min", [size, graph.scalar(SIZE_LIMIT)])])
    reach = graph.add("Mul", [grown, graph.constant(half.reshape(1, -1, 2, 1))])
    ends = [graph.add("Sub", [middle, reach]), graph.add("Add", [middle, reach])]
    return graph.add("Concat", ends, {"axis": 2})
