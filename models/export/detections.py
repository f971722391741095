"""The last nodes of every detector: keep the best boxes, and give them out by the contract."""

import numpy as np

from models.export.graph import Graph
from models.spec import CONTRACTS, MOST_BOXES


def emit_detections(
    graph: Graph,
    boxes: str,
    scores: str,
    *,
    classes: int,
    score_threshold: float,
    iou_threshold: float,
    points: str | None = None,
) -> None:
    """Suppress overlapping boxes of a class, and declare the outputs of a "detect" model.

    boxes            (B, M, 4) float32, x1 y1 x2 y2 in [0, 1] of the input
    scores           (B, classes, M) float32, in [0, 1]
    points           (B, M, K, 2) float32, or None
    score_threshold  default of the input of that name: keep scores above it
    iou_threshold    default of the input of that name: of two boxes of a class that overlap by
                     more, the one with the lower score goes

    Outputs and their order are those of CONTRACTS["detect"].
    """
    chosen = suppress(graph, boxes, scores, score_threshold, iou_threshold)
    # ONNX Runtime orders them by picture, class and falling score, so that a model of one class is
    # in order already; ONNX itself promises no order.
    if classes > 1:
        chosen = by_falling_score(graph, chosen, scores)
    where = graph.add("Gather", [chosen, graph.integers(0, 2)], {"axis": 1})
    emit_outputs(
        graph,
        chosen,
        boxes=graph.add("GatherND", [boxes, where]),
        scores=graph.add("GatherND", [scores, chosen]),
        points=None if points is None else graph.add("GatherND", [points, where]),
    )


def suppress(
    graph: Graph, boxes: str, scores: str, score_threshold: float, iou_threshold: float
) -> str:
    """The boxes that stay, (N, 3) int64: picture, class, box. Shapes as in `emit_detections`.

    Declares the inputs `iou_threshold` and `score_threshold` with these defaults.
    """
    return graph.add(
        "NonMaxSuppression",
        [
            boxes,
            scores,
            graph.constant(np.array(MOST_BOXES, np.int64)),
            graph.option("iou_threshold", iou_threshold),
            graph.option("score_threshold", score_threshold),
        ],
    )


def emit_outputs(graph: Graph, chosen: str, *, boxes: str, scores: str, points: str | None) -> None:
    """Declare the outputs of CONTRACTS["detect"], N rows each.

    chosen  (N, 3) int64: picture, class, box
    boxes   (N, 4) float32;  scores  (N,) float32;  points  (N, K, 2) float32, or None
    """
    values = {
        "boxes": boxes,
        "scores": scores,
        "classes": column(graph, chosen, 1),
        "batch": column(graph, chosen, 0),
        "points": points,
    }
    for port in CONTRACTS["detect"].outputs:
        value = values[port.name]
        if value is not None:
            graph.output(port, value)


def column(graph: Graph, rows: str, index: int) -> str:
    """(N,) from (N, any)."""
    return graph.add("Gather", [rows, graph.constant(np.array(index, np.int64))], {"axis": 1})


def by_falling_score(graph: Graph, chosen: str, scores: str) -> str:
    """Sort rows by picture, and those of a picture by falling score.

    The second sort is by picture and place in the first: not every engine leaves equals in order.
    """
    count = graph.add("Slice", [graph.add("Shape", [chosen]), graph.integers(0), graph.integers(1)])
    found = graph.add("GatherND", [scores, chosen])
    _, order = graph.add_many("TopK", [found, count], 2, {"largest": 1})
    chosen = graph.add("Gather", [chosen, order], {"axis": 0})
    first = graph.add("Mul", [column(graph, chosen, 0), count])
    zero, one = (graph.constant(np.array(n, np.int64)) for n in (0, 1))
    places = graph.add("Range", [zero, graph.add("Squeeze", [count]), one])
    place = graph.add("Add", [first, places])
    _, order = graph.add_many("TopK", [place, count], 2, {"largest": 0})
    return graph.add("Gather", [chosen, order], {"axis": 0})
