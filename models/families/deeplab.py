"""DeepLabv3+: the class of every pixel, on Xception-65 or MobileNetV2.

Chen et al., arXiv:1802.02611. The networks and names are those of github
bonlime/keras-deeplab-v3-plus at 69a547c, whose Keras files are read; Google's quantised .tflite
files of the same network are read by `deeplab_tflite.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import keras
from keras import layers

from models.export.graph import Graph
from models.export.keras_graph import emit
from models.export.segment import emit_classes
from models.families import deeplab_tflite
from models.families.deeplab_backbones import mobilenetv2, pointwise, separable, xception
from models.families.resize import Resize, Rule
from models.readers import h5, tflite
from models.readers.weights import WeightFile
from models.spec import ModelSpec
from models.transfer import Filled, Transfer

EPSILON = 1e-5  # of the head's batch norms
WIDTH = 256  # of the head's convolutions
RATES = (6, 12, 18)  # arXiv:1706.05587, section 4.1: for a stride of 16; twice that for 8
LOGITS = "logits_semantic"
OWN_LOGITS = f"custom_{LOGITS}"  # what bonlime calls it where the classes are a user's own


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the family's networks.

    backbone  "xception" or "mobilenetv2"
    stride    pixels of the input for one of the grid that the backbone gives
    rule      how pictures are resized (`resize.py`): what TensorFlow's weights were trained with;
              bonlime's code has it up to 5e5811d, and half-pixel since
    alpha     width of MobileNetV2, as a share of the paper's
    divisor   its widths are multiples of it
    norm      whether there are batch norms, which a .tflite file has folded
    """

    backbone: str
    stride: int
    rule: Rule = "align_corners"
    alpha: float = 1.0
    divisor: int = 8
    norm: bool = True


VARIANTS = {
    "mobilenetv2": Variant("mobilenetv2", 8),
    "mobilenetv2-half-pixel": Variant("mobilenetv2", 8, rule="half_pixel"),
    "xception-16": Variant("xception", 16),
    "xception-16-half-pixel": Variant("xception", 16, rule="half_pixel"),
    "xception-8": Variant("xception", 8),
    "xception-8-half-pixel": Variant("xception", 8, rule="half_pixel"),
    "mobilenetv2-tflite": Variant("mobilenetv2", 16, norm=False),
    "mobilenetv2-half-width-tflite": Variant("mobilenetv2", 16, alpha=0.5, divisor=1, norm=False),
}


def build(spec: ModelSpec) -> keras.Model:
    """(B, H, W, 3) float32, normalised, to the logits (B, H, W, classes)."""
    variant, classes = VARIANTS[spec.variant], len(spec.labels)
    height, width = spec.input.height, spec.input.width
    image = cast("keras.KerasTensor", layers.Input((height, width, 3), name="image"))
    if variant.backbone == "xception":
        value, early = xception(image, variant.stride)
        value = _decode(_pyramid(value, variant), early, variant)
    else:
        value = mobilenetv2(
            image, variant.stride, variant.alpha, variant.divisor, norm=variant.norm
        )
        value = _pyramid(value, variant)
    value = layers.Conv2D(classes, 1, padding="same", name=LOGITS)(value)
    value = Resize(height, width, variant.rule, name="logits_resize")(value)
    return keras.Model(image, value, name="deeplabv3plus")


def _pyramid(value: keras.KerasTensor, variant: Variant) -> keras.KerasTensor:
    """What the whole picture is like, each point, and with Xception three wider looks at it."""
    grid = (int(value.shape[1]), int(value.shape[2]))
    whole = layers.GlobalAveragePooling2D(keepdims=True, name="image_pooling_average")(value)
    whole = pointwise(whole, WIDTH, "image_pooling", EPSILON, norm=variant.norm)
    whole = Resize(*grid, variant.rule, name="image_pooling_resize")(whole)
    looks = [whole, pointwise(value, WIDTH, "aspp0", EPSILON, norm=variant.norm)]
    if variant.backbone == "xception":
        looks += [
            separable(value, WIDTH, f"aspp{i}", EPSILON, rate=rate * 16 // variant.stride)
            for i, rate in enumerate(RATES, start=1)
        ]
    value = layers.Concatenate(name="aspp")(looks)
    value = pointwise(value, WIDTH, "concat_projection", EPSILON, norm=variant.norm)
    return layers.Dropout(0.1, name="concat_projection_dropout")(value)


def _decode(
    value: keras.KerasTensor, early: keras.KerasTensor, variant: Variant
) -> keras.KerasTensor:
    """Back to a quarter of the picture's size, with 48 channels of what was seen at that size."""
    grid = (int(early.shape[1]), int(early.shape[2]))
    value = Resize(*grid, variant.rule, name="decoder_resize")(value)
    early = pointwise(early, 48, "feature_projection0", EPSILON, norm=True)
    value = layers.Concatenate(name="decoder")([value, early])
    value = separable(value, WIDTH, "decoder_conv0", EPSILON)
    return separable(value, WIDTH, "decoder_conv1", EPSILON)


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`; one Keras 2 .h5 file, or Google's quantised .tflite."""
    network = build(spec)
    if VARIANTS[spec.variant].norm:
        weights = load(h5.read(files[0]), network)
    else:
        weights = deeplab_tflite.load(tflite.read(files[0]), network)
    graph = Graph(spec.name)
    (made,) = emit(graph, network, weights, [graph.image(spec.input)])
    emit_classes(graph, made)
    return graph


def load(source: WeightFile, network: keras.Model) -> Filled:
    """The tensors of a Keras 2 file: by the names of layers if it has ours, else by their order.

    raises  BadWeights if one is missing, left over or of another shape
    """
    stored: dict[str, list[str]] = {}
    for tensor in source:
        stored.setdefault(tensor.rpartition("/")[0], []).append(tensor)
    ours = {layer.name: layer for layer in network.layers if layer.weights}
    if ours.keys() & stored.keys():
        found = {name: stored.get(name, []) for name in ours}
        found[LOGITS] = found[LOGITS] or stored.get(OWN_LOGITS, [])
    else:
        # Shapes are checked where they are read; a count that differs leaves some over.
        found = dict(zip(ours, stored.values(), strict=False))
    transfer = Transfer(source, network)
    for name, tensors in found.items():
        for tensor in tensors:
            kind = tensor.rpartition("/")[2].replace("depthwise_kernel", "kernel")
            if any(v.path == f"{name}/{kind}" for v in ours[name].weights):
                transfer.move(tensor, f"{name}/{kind}")
    return transfer.finish()
