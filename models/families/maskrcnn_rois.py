"""Where Mask R-CNN looks twice: the best anchors as regions, and what the pyramid says of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from models.export.detections import column
from models.export.graph import Graph
from models.families.maskrcnn_boxes import SWAPPED, area, corners, moved

BEFORE = 6000  # anchors of a picture that are looked at (Config.PRE_NMS_LIMIT)
MOST_REGIONS = 1000  # of a picture (Config.POST_NMS_ROIS_INFERENCE)
IOU_THRESHOLD = 0.7  # Config.RPN_NMS_THRESHOLD
FINEST, COARSEST = 2, 5  # levels that are cropped

# A region of that many pixels a side belongs to P4 (Lin et al., arXiv:1612.03144, equation 1).
SIDE, LEVEL = 224.0, 4


@dataclass(frozen=True, slots=True)
class Regions:
    """M regions of all pictures of the batch.

    boxes    (M, 4) float32, y1 x1 y2 x2 in Matterport's unit
    picture  (M,) int64, which of the batch
    """

    boxes: str
    picture: str

    def taken(self, graph: Graph, rows: str) -> "Regions":
        """Those of these numbers, (K,) int64."""
        return Regions(
            graph.add("Gather", [self.boxes, rows], {"axis": 0}),
            graph.add("Gather", [self.picture, rows], {"axis": 0}),
        )


def regions(graph: Graph, chances: str, deltas: str, anchors: NDArray[np.float32]) -> Regions:
    """The anchors that hold something, moved, clipped and without those too much alike.

    The original pads each picture's regions with empty ones; here there are none of those.

    chances  (B, A, 2), of nothing and of something
    deltas   (B, A, 4)
    anchors  (A, 4)
    returns  by picture, and in it by falling chance
    """
    something = graph.add("Gather", [chances, graph.constant(np.array(1, np.int64))], {"axis": 2})
    count = graph.integers(min(BEFORE, len(anchors)))
    something, order = graph.add_many("TopK", [something, count], 2, {"axis": 1})
    row = graph.add("Unsqueeze", [order, graph.integers(2)])
    deltas = graph.add("GatherND", [deltas, row], {"batch_dims": 1})
    boxes = graph.add("Gather", [graph.constant(anchors), order], {"axis": 0})
    boxes = moved(graph, boxes, deltas)
    boxes = graph.add("Clip", [boxes, graph.scalar(0.0), graph.scalar(1.0)])
    chosen = graph.add(
        "NonMaxSuppression",
        [
            boxes,
            graph.add("Unsqueeze", [something, graph.integers(1)]),
            graph.constant(np.array(MOST_REGIONS, np.int64)),
            graph.scalar(IOU_THRESHOLD),
        ],
    )
    where = graph.add("Gather", [chosen, graph.integers(0, 2)], {"axis": 1})
    return Regions(graph.add("GatherND", [boxes, where]), column(graph, chosen, 0))


@dataclass(frozen=True, slots=True)
class Crops:
    """What the pyramid says of each region, those of one level after those of another.

    values  (M, channels, size, size) float32
    place   (M,) int64: where among `values` each region stands
    """

    values: str
    place: str

    def in_order(self, graph: Graph, rows: str) -> str:
        """What was made of `values`, (M, ...), in the order of the regions."""
        return graph.add("Gather", [rows, self.place], {"axis": 0})


def crops(
    graph: Graph,
    levels: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    picture: tuple[int, int],
    found: Regions,
    size: int,
) -> Crops:
    """Cut each region out of the level that fits its size (`PyramidROIAlign`).

    levels   P2 to P5, (B, channels, h, w)
    sizes    (h, w) of each
    picture  height and width, pixels
    size     cells a side of a crop
    """
    fitting = _fitting(graph, found.boxes, picture)
    values, numbers = [], []
    for number, (level, cells) in enumerate(zip(levels, sizes, strict=True), FINEST):
        here = graph.add("Equal", [fitting, graph.scalar(number)])
        rows = graph.add("Reshape", [graph.add("NonZero", [here]), graph.integers(-1)])
        numbers.append(rows)
        values.append(_crop(graph, level, cells, found.taken(graph, rows), size))
    # Sorting the numbers of the regions gives the place of each.
    every = graph.add("Concat", numbers, {"axis": 0})
    count = graph.add("Shape", [every])
    _, place = graph.add_many("TopK", [every, count], 2, {"axis": 0, "largest": 0})
    return Crops(graph.add("Concat", values, {"axis": 0}), place)


def _fitting(graph: Graph, boxes: str, picture: tuple[int, int]) -> str:
    """The number of the level for each box, (M,) float32."""
    side = graph.add("Sqrt", [area(graph, boxes)])
    ratio = graph.add("Div", [side, graph.scalar(SIDE / sqrt(picture[0] * picture[1]))])
    octaves = graph.add("Div", [graph.add("Log", [ratio]), graph.scalar(np.log(2.0))])
    level = graph.add("Add", [graph.add("Round", [octaves]), graph.scalar(LEVEL)])
    return graph.add("Clip", [level, graph.scalar(FINEST), graph.scalar(COARSEST)])


def _crop(graph: Graph, level: str, cells: tuple[int, int], found: Regions, size: int) -> str:
    """TensorFlow's `crop_and_resize`: one sample a cell, the outermost on the edges of the box.

    RoiAlign takes its sample in the middle of a cell, so the box is made half a cell larger on each
    side. Its default "output_half_pixel" would make boxes smaller than a cell larger still.
    """
    last = graph.constant(np.array([cells[0] - 1, cells[1] - 1], np.float32))
    low, high = (graph.add("Mul", [corner, last]) for corner in corners(graph, found.boxes))
    step = graph.add("Div", [graph.add("Sub", [high, low]), graph.scalar(size - 1)])
    half = graph.add("Mul", [step, graph.scalar(0.5)])
    edges = [graph.add("Sub", [low, half]), graph.add("Add", [high, half])]
    # Half a pixel, since RoiAlign's pixels have their middle there.
    boxes = graph.add("Add", [graph.add("Concat", edges, {"axis": -1}), graph.scalar(0.5)])
    boxes = graph.add("Gather", [boxes, graph.integers(*SWAPPED)], {"axis": 1})
    return graph.add(
        "RoiAlign",
        [level, boxes, found.picture],
        {
            "mode": "avg",
            "output_height": size,
            "output_width": size,
            "sampling_ratio": 1,
            "coordinate_transformation_mode": "half_pixel",
        },
    )
