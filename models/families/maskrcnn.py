"""Mask R-CNN as Matterport has it: things, their classes, and which cells of each box are theirs.

He et al., arXiv:1703.06870, on a feature pyramid, Lin et al., arXiv:1612.03144. Weights, names of
layers and numbers are those of Matterport's Mask_RCNN 2.1 (MIT), `mrcnn/model.py` and
`mrcnn/config.py`. Pictures go in and instances come out: what stands between the networks is in the
graph as well.
"""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import onnx

from models.export.graph import Graph
from models.export.keras_graph import emit
from models.families.maskrcnn_boxes import anchors, inside, outside
from models.families.maskrcnn_instances import instances
from models.families.maskrcnn_network import (
    BOX_CROP,
    MASK_CROP,
    STRIDES,
    Networks,
    networks,
)
from models.families.maskrcnn_rois import crops, regions
from models.families.maskrcnn_weights import fill
from models.hollow import hollow
from models.readers import h5
from models.spec import CONTRACTS, ModelSpec
from models.transfer import Filled

SURE = 255  # a mask of 1 as a byte; 0.5, where the original cuts, becomes 128


def build(spec: ModelSpec) -> keras.Model:
    """All parts of the network side by side; see `Networks`."""
    return _networks(spec).joined()


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`; one .h5 file, as `save_weights` wrote it.

    On top of its contract the graph has the input `window`, (1 or B, 4) float32, which may be left
    out: x1 y1 x2 y2 in [0, 1] of the input, where a picture is and not the padding about it. Boxes
    are clipped to it, as the original does; without it, to the whole input.

    The first class of the file is nothing; the spec's labels are those behind it.

    raises  ValueError if the input's sides are no multiples of 64
    """
    parts = hollow(lambda: _networks(spec))
    return _assembled(spec, parts, fill(h5.read(files[0]), parts.joined()))


def _assembled(spec: ModelSpec, parts: Networks, weights: Filled) -> Graph:
    height, width = spec.input.height, spec.input.width
    graph = Graph(spec.name)
    image = graph.image(spec.input)
    *levels, chances, deltas = emit(graph, parts.trunk, weights, [image])
    found = regions(graph, chances, deltas, anchors(height, width, STRIDES))

    sizes = [(height // stride, width // stride) for stride in STRIDES[:-1]]
    seen = crops(graph, levels, sizes, (height, width), found, BOX_CROP)
    chances, deltas = (
        seen.in_order(graph, rows) for rows in emit(graph, parts.classifier, weights, [seen.values])
    )
    windows = _windows(graph, image, height, width)
    things = instances(graph, found, chances, deltas, windows, len(spec.labels) + 1)

    seen = crops(graph, levels, sizes, (height, width), things.regions, MASK_CROP)
    (masks,) = emit(graph, parts.masks, weights, [seen.values])
    values = {
        "boxes": outside(graph, things.regions.boxes, height, width),
        "scores": things.scores,
        "classes": things.classes,
        "batch": things.regions.picture,
        "masks": _own(graph, seen.in_order(graph, masks), things.classes),
    }
    for port in CONTRACTS[spec.task].outputs:
        graph.output(port, values[port.name])
    return graph


def _networks(spec: ModelSpec) -> Networks:
    height, width = spec.input.height, spec.input.width
    if height % STRIDES[-1] or width % STRIDES[-1]:
        raise ValueError(f"{spec.name}: input: wanted multiples of 64, got {width}x{height}")
    return networks(height, width, len(spec.labels) + 1, spec.variant)


def _windows(graph: Graph, image: str, height: int, width: int) -> str:
    """The input `window`, one for each picture, (B, 4) in Matterport's unit."""
    whole = np.array([[0, 0, 1, 1]], np.float32)
    window = graph.option("window", whole, ("W", 4))
    batch = graph.add("Shape", [image], {"start": 0, "end": 1})
    shape = graph.add("Concat", [batch, graph.integers(4)], {"axis": 0})
    return inside(graph, graph.add("Expand", [window, shape]), height, width)


def _own(graph: Graph, masks: str, classes: str) -> str:
    """Of each thing the mask of its class, as bytes: (N, M, M) of (N, C, M, M)."""
    number = graph.add("Add", [classes, graph.constant(np.array(1, np.int64))])
    number = graph.add("Unsqueeze", [number, graph.integers(1)])
    mask = graph.add("GatherND", [masks, number], {"batch_dims": 1})
    mask = graph.add("Round", [graph.add("Mul", [mask, graph.scalar(SURE)])])
    return graph.add("Cast", [mask], {"to": onnx.TensorProto.UINT8})
