"""YOLOv2: one look at a picture, boxes for a grid of cells.

Redmon and Farhadi, arXiv:1612.08242. The networks of darknet (github.com/pjreddie/darknet) with
its `.weights`, and those of keras-yolo2 (github.com/experiencor/keras-yolo2) with their `.h5`. Both
have the same layers, but `reorg` and the batch norms differ.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras

from models.errors import BadWeights
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.export.yolo import Head, emit_head, head_of
from models.families import yolov2_layers as parts
from models.families.mobilenet import FOLDED, WIDTHS
from models.families.yolov2_cfg import Structure
from models.families.yolov2_import import from_cfg, from_darknet, from_keras
from models.families.yolov2_layers import Layers
from models.families.yolov2_network import network, on_mobilenet
from models.hollow import hollow
from models.spec import ModelSpec

# What darknet and keras-yolo2 take, unless a stage asks for others: `thresh` and `nms` of
# examples/detector.c; `obj_threshold` and `nms_threshold` of utils.py.
DARKNET_THRESHOLDS = (0.5, 0.45)
KERAS_THRESHOLDS = (0.3, 0.3)

DARKNET: Mapping[str, Callable[[int], Layers]] = {
    "full": parts.full,
    "tiny": parts.tiny,
    "tiny-coco": lambda channels: parts.tiny(channels, before=512),
}
"""Networks of darknet by variant: from the channels of the last layer."""

KERAS_YOLO2: Mapping[str, Callable[[int], Layers]] = {
    "keras-full": parts.full,
    "keras-tiny": parts.tiny,
}
"""Networks of keras-yolo2 that are darknet's but for the order of `reorg`."""

MOBILENETS = {"mobilenet": "1.0"} | {
    f"mobilenet-{prefix}{width}": f"{prefix}{width}" for width in WIDTHS for prefix in ("", FOLDED)
}
"""Networks on MobileNet: the variant of `models.families.mobilenet`. keras-yolo2 has the first."""


def build(spec: ModelSpec) -> keras.Model:
    """The network of a spec, for training and for parity; its variables are random.

    input   (B, height, width, 3) float32, as the spec's `Input` normalises it
    output  (B, rows, columns, channels) float32, what `models.export.yolo.Head` describes
    """
    channels = head_of(spec).channels
    height, width = spec.input.height, spec.input.width
    if spec.variant in MOBILENETS:
        variant = MOBILENETS[spec.variant]
        alpha, folded = WIDTHS[variant.removeprefix(FOLDED)], variant.startswith(FOLDED)
        return on_mobilenet(height, width, channels, alpha, folded=folded)
    if spec.variant in KERAS_YOLO2:
        return network(KERAS_YOLO2[spec.variant](channels), height, width, "tensorflow")
    return network(DARKNET[spec.variant](channels), height, width, "darknet")


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`.

    Of a variant of darknet: a `.weights` file, and its `.cfg` if it is not the built-in one. The
    input's size and the labels are the spec's, layers and anchors then those of the `.cfg`.
    Of keras-yolo2: an `.h5` file of the whole network, of weights alone or of a model.
    """
    graph = Graph(spec.name)
    image = graph.image(spec.input)
    if spec.variant in DARKNET:
        file, cfg = _need(files, ".weights"), _pick(files, ".cfg")
        _no_more(files, ".weights", ".cfg")
        said = built_in(spec) if cfg is None else from_cfg(cfg, len(spec.labels))
        model, weights = from_darknet(said, spec.input, file)
        anchors, (score, iou) = said.anchors, DARKNET_THRESHOLDS
    else:
        file = _need(files, ".h5", ".hdf5")
        _no_more(files, ".h5", ".hdf5")
        model = hollow(lambda: build(spec))
        weights = from_keras(model, file)
        anchors, (score, iou) = spec.anchors, KERAS_THRESHOLDS
    _, rows, columns, channels = model.output_shape
    head = Head(rows, columns, anchors, len(spec.labels))
    if channels != head.channels:
        raise BadWeights(f"{files[0]}: last layer: wanted {head.channels} channels, got {channels}")
    (raw,) = emit(graph, model, weights, [image])
    emit_head(graph, raw, head, score_threshold=score, iou_threshold=iou)
    return graph


def built_in(spec: ModelSpec) -> Structure:
    """The network of a spec whose variant is one of darknet's."""
    layers = DARKNET[spec.variant](head_of(spec).channels)
    return Structure(layers, spec.anchors, len(spec.labels))


def _pick(files: Sequence[Path], *suffixes: str) -> Path | None:
    found = [file for file in files if file.suffix.lower() in suffixes]
    if len(found) > 1:
        raise BadWeights(f"wanted one file {' or '.join(suffixes)}, got {found[0]}, {found[1]}")
    return found[0] if found else None


def _need(files: Sequence[Path], *suffixes: str) -> Path:
    if (found := _pick(files, *suffixes)) is None:
        got = ", ".join(file.name for file in files) or "none"
        raise BadWeights(f"wanted a file {' or '.join(suffixes)}, got {got}")
    return found


def _no_more(files: Sequence[Path], *suffixes: str) -> None:
    """Refuse what would not be looked at: a `.cfg` beside an `.h5` file would seem to count."""
    for file in files:
        if file.suffix.lower() not in suffixes:
            raise BadWeights(f"{file.name}: wanted a file {' or '.join(suffixes)}, got another")
