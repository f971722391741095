"""What Mask R-CNN says it has found: the surest class of each region, once for each thing."""

from dataclasses import dataclass

import numpy as np
import onnx

from models.export.detections import by_falling_score, column
from models.export.graph import Graph
from models.families.maskrcnn_boxes import area, clipped, moved
from models.families.maskrcnn_rois import Regions

SCORE_THRESHOLD = 0.7  # Config.DETECTION_MIN_CONFIDENCE: keep scores of at least that
IOU_THRESHOLD = 0.3  # Config.DETECTION_NMS_THRESHOLD
MOST_INSTANCES = 100  # of a picture (Config.DETECTION_MAX_INSTANCES)


@dataclass(frozen=True, slots=True)
class Instances:
    """N things, by picture, and in it by falling score.

    regions  where
    scores   (N,) float32
    classes  (N,) int64, 0 is the first that is not nothing
    """

    regions: Regions
    scores: str
    classes: str


def instances(
    graph: Graph, found: Regions, chances: str, deltas: str, windows: str, classes: int
) -> Instances:
    """`refine_detections_graph` of the original, for all pictures at once.

    Boxes without area are left out before suppression; the original does so at the very end.
    Declares the input `score_threshold`.

    found    M regions
    chances  (M, C), the first is nothing
    deltas   (M, C, 4)
    windows  (B, 4) y1 x1 y2 x2 in Matterport's unit: what of each picture is not padding
    classes  C
    """
    surest = graph.add("ArgMax", [chances], {"axis": 1, "keepdims": 0})
    scores = graph.add("ReduceMax", [chances, graph.integers(1)], {"keepdims": 0})
    row = graph.add("Unsqueeze", [surest, graph.integers(1)])
    boxes = moved(graph, found.boxes, graph.add("GatherND", [deltas, row], {"batch_dims": 1}))
    window = graph.add("Gather", [windows, found.picture], {"axis": 0})
    boxes = clipped(graph, boxes, window)
    threshold = graph.option("score_threshold", SCORE_THRESHOLD)
    kept = graph.add("GreaterOrEqual", [scores, threshold])
    for other in (
        graph.add("Greater", [surest, graph.constant(np.array(0, np.int64))]),
        graph.add("Greater", [area(graph, boxes), graph.scalar(0.0)]),
    ):
        kept = graph.add("And", [kept, other])
    rows = graph.add("Reshape", [graph.add("NonZero", [kept]), graph.integers(-1)])
    sure = Regions(boxes, found.picture).taken(graph, rows)
    surest = graph.add("Gather", [surest, rows], {"axis": 0})
    scores = graph.add("Gather", [scores, rows], {"axis": 0})
    return _suppressed(graph, sure, scores, surest, _batch(graph, windows), classes)


def _suppressed(
    graph: Graph, sure: Regions, scores: str, surest: str, batch: str, classes: int
) -> Instances:
    """Of things of a class in a picture that overlap, the surest; of a picture, the first 100.

    NonMaxSuppression wants as many boxes in each picture: each gets the boxes of all, and a score
    below 0 for those that are not its own, or of another class.
    """
    pictures = graph.add("Reshape", [_counted(graph, batch), graph.integers(-1, 1, 1)])
    numbers = graph.constant(np.arange(1, classes).reshape(-1, 1))
    here = graph.add(
        "And",
        [
            graph.add("Equal", [sure.picture, pictures]),
            graph.add("Equal", [surest, numbers]),
        ],
    )
    table = graph.add("Where", [here, scores, graph.scalar(-1.0)])
    shape = graph.add("Concat", [batch, graph.integers(1, 1)], {"axis": 0})
    chosen = graph.add(
        "NonMaxSuppression",
        [
            graph.add("Expand", [sure.boxes, shape]),
            table,
            graph.constant(np.array(MOST_INSTANCES, np.int64)),
            graph.scalar(IOU_THRESHOLD),
            graph.scalar(0.0),
        ],
    )
    chosen = _first(graph, by_falling_score(graph, chosen, table), batch)
    return Instances(
        sure.taken(graph, column(graph, chosen, 2)),
        graph.add("GatherND", [table, chosen]),
        column(graph, chosen, 1),
    )


def _first(graph: Graph, chosen: str, batch: str) -> str:
    """The first 100 rows of each picture, of rows that are sorted by picture."""
    picture = column(graph, chosen, 0)
    pictures = graph.add("Reshape", [_counted(graph, batch), graph.integers(-1, 1)])
    before = graph.add("Less", [picture, pictures])
    before = graph.add("Cast", [before], {"to": onnx.TensorProto.INT64})
    start = graph.add("ReduceSum", [before, graph.integers(1)], {"keepdims": 0})
    start = graph.add("Gather", [start, picture], {"axis": 0})
    rank = graph.add("Sub", [_counted(graph, graph.add("Shape", [picture])), start])
    first = graph.add("Less", [rank, graph.constant(np.array(MOST_INSTANCES, np.int64))])
    rows = graph.add("Reshape", [graph.add("NonZero", [first]), graph.integers(-1)])
    return graph.add("Gather", [chosen, rows], {"axis": 0})


def _batch(graph: Graph, rows: str) -> str:
    """How many rows, (1,) int64."""
    return graph.add("Shape", [rows], {"start": 0, "end": 1})


def _counted(graph: Graph, count: str) -> str:
    """0, 1, ... below `count`, which is (1,) int64."""
    return graph.add(
        "Range",
        [
            graph.constant(np.array(0, np.int64)),
            graph.add("Reshape", [count, graph.constant(np.array([], np.int64))]),
            graph.constant(np.array(1, np.int64)),
        ],
    )
