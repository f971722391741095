"""Boxes of Mask R-CNN in the graph: anchors, what moves them, and what they are given out as.

Inside, a box is y1 x1 y2 x2 in a unit of Matterport's own (`norm_boxes`): 0 is the first pixel and
1 is the last one, which a box of which 1 is the far corner still holds.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.export.graph import Graph

SCALES = (32, 64, 128, 256, 512)
"""Sides of the anchors of each level, pixels (Config.RPN_ANCHOR_SCALES)."""

RATIOS = (0.5, 1.0, 2.0)  # width to height (Config.RPN_ANCHOR_RATIOS)
DEVIATIONS = (0.1, 0.1, 0.2, 0.2)  # Config.RPN_BBOX_STD_DEV and BBOX_STD_DEV, y x height width
SWAPPED = (1, 0, 3, 2)  # y1 x1 y2 x2 to x1 y1 x2 y2, and back


def anchors(
    height: int, width: int, strides: Sequence[int], scales: Sequence[int] = SCALES
) -> NDArray[np.float32]:
    """All anchors, level after level, row after row, and in a cell by ratio.

    height, width  of the picture in pixels
    strides        pixels from one cell of a level to the next
    scales         sides of the anchors of each level, pixels
    returns        (A, 4) float32, y1 x1 y2 x2, in Matterport's unit, not clipped
    """
    ratios = np.sqrt(np.array(RATIOS))
    levels = []
    for stride, scale in zip(strides, scales, strict=True):
        # In the original a cell's anchors stand about its corner, not about its middle.
        y, x = np.meshgrid(np.arange(0, height, stride), np.arange(0, width, stride), indexing="ij")
        middle = np.stack([y, x], axis=-1).reshape(-1, 1, 2)
        half = 0.5 * scale * np.stack([1 / ratios, ratios], axis=-1)
        levels.append(np.concatenate([middle - half, middle + half], axis=-1).reshape(-1, 4))
    boxes = np.concatenate(levels) - (0, 0, 1, 1)
    return (boxes / (height - 1, width - 1, height - 1, width - 1)).astype(np.float32)


def corners(graph: Graph, boxes: str) -> tuple[str, str]:
    """y1 x1 and y2 x2, (..., 2) each, of (..., 4)."""
    return (
        graph.add("Gather", [boxes, graph.integers(0, 1)], {"axis": -1}),
        graph.add("Gather", [boxes, graph.integers(2, 3)], {"axis": -1}),
    )


def moved(graph: Graph, boxes: str, deltas: str) -> str:
    """Boxes as the network wants them moved (`apply_box_deltas_graph`).

    boxes    (..., 4)
    deltas   (..., 4), y x in heights and widths, then their logarithms, all in DEVIATIONS
    returns  (..., 4)
    """
    deltas = graph.add("Mul", [deltas, graph.constant(np.array(DEVIATIONS, np.float32))])
    shift, growth = corners(graph, deltas)
    low, high = corners(graph, boxes)
    size = graph.add("Sub", [high, low])
    middle = graph.add("Add", [low, graph.add("Mul", [size, graph.scalar(0.5)])])
    middle = graph.add("Add", [middle, graph.add("Mul", [shift, size])])
    size = graph.add("Mul", [size, graph.add("Exp", [growth])])
    low = graph.add("Sub", [middle, graph.add("Mul", [size, graph.scalar(0.5)])])
    return graph.add("Concat", [low, graph.add("Add", [low, size])], {"axis": -1})


def clipped(graph: Graph, boxes: str, windows: str) -> str:
    """Boxes cut to their windows, both (N, 4) (`clip_boxes_graph`)."""
    low, high = corners(graph, windows)
    low = graph.add("Concat", [low, low], {"axis": -1})
    high = graph.add("Concat", [high, high], {"axis": -1})
    return graph.add("Max", [graph.add("Min", [boxes, high]), low])


def area(graph: Graph, boxes: str) -> str:
    """Height times width, (N,) of (N, 4)."""
    low, high = corners(graph, boxes)
    size = graph.add("Sub", [high, low])
    return graph.add("ReduceProd", [size, graph.integers(-1)], {"keepdims": 0})


def outside(graph: Graph, boxes: str, height: int, width: int) -> str:
    """x1 y1 x2 y2 in [0, 1] of the picture from y1 x1 y2 x2 in Matterport's unit, (N, 4)."""
    boxes = graph.add("Gather", [boxes, graph.integers(*SWAPPED)], {"axis": -1})
    pixels = graph.add("Mul", [boxes, _sides(graph, width - 1, height - 1)])
    pixels = graph.add("Add", [pixels, _far(graph, 1)])
    return graph.add("Div", [pixels, _sides(graph, width, height)])


def inside(graph: Graph, boxes: str, height: int, width: int) -> str:
    """The other way round."""
    pixels = graph.add("Mul", [boxes, _sides(graph, width, height)])
    pixels = graph.add("Sub", [pixels, _far(graph, 1)])
    boxes = graph.add("Div", [pixels, _sides(graph, width - 1, height - 1)])
    return graph.add("Gather", [boxes, graph.integers(*SWAPPED)], {"axis": -1})


def _sides(graph: Graph, first: float, second: float) -> str:
    return graph.constant(np.array([first, second, first, second], np.float32))


def _far(graph: Graph, pixels: float) -> str:
    """To be added to the far corner alone."""
    return graph.constant(np.array([0, 0, pixels, pixels], np.float32))
