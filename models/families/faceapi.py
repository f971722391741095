"""The face networks of face-api.js: a small face detector and a face recogniser.

Muehler, face-api.js (MIT), in the continued version @vladmandic/face-api 1.7.15, whose files are
read here: a manifest of tensors, and their numbers in a `.bin` beside it. Variant "detector" is a
tiny YOLOv2 of separable convolutions (arXiv:1612.08242 and 1610.02357); variant "recogniser" is the
residual network of dlib's `dlib_face_recognition_resnet_model_v1` (King, dlib.net; 29
convolutions, half as many filters as ResNet-34 of arXiv:1512.03385).
"""

from collections.abc import Sequence
from pathlib import Path

import keras
from keras import layers

from models.class_count import wrong_labels
from models.errors import BadModel, BadWeights
from models.export.classes import emit_embedding
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.export.yolo import emit_head, head_of
from models.families.faceapi_layers import Affine, WidenChannels
from models.hollow import hollow
from models.readers import tfjs
from models.readers.weights import WeightFile
from models.spec import ModelSpec
from models.transfer import Filled, Transfer

# Of the detector: src/tinyFaceDetector/const.ts and src/tinyYolov2/TinyYolov2Options.ts.
IOU_THRESHOLD = 0.4
SCORE_THRESHOLD = 0.5
SLOPE = 0.1  # of the leaky ReLU, src/tinyYolov2/leaky.ts
# Filters of conv0 to conv5: src/tinyFaceDetector/TinyFaceDetector.ts.
WIDTHS = (16, 32, 64, 128, 256, 512)
LAST = 8  # the number of its last convolution; 6 and 7 are of a larger network

# Of the recogniser, in order: name, filters, and whether the picture is halved.
# src/faceRecognitionNet/FaceRecognitionNet.ts
BLOCKS = (
    ("conv32_1", 32, False),
    ("conv32_2", 32, False),
    ("conv32_3", 32, False),
    ("conv64_down", 64, True),
    ("conv64_1", 64, False),
    ("conv64_2", 64, False),
    ("conv64_3", 64, False),
    ("conv128_down", 128, True),
    ("conv128_1", 128, False),
    ("conv128_2", 128, False),
    ("conv256_down", 256, True),
    ("conv256_1", 256, False),
    ("conv256_2", 256, False),
    ("conv256_down_out", 256, True),
)
EMBEDDING = 128

# What the file calls the parts of a layer, and what Keras calls them.
CONV = {"filters": "kernel", "bias": "bias"}
SEPARABLE = {
    "depthwise_filter": "depthwise_kernel",
    "pointwise_filter": "pointwise_kernel",
    "bias": "bias",
}
UNIT = {
    "conv/filters": "conv/kernel",
    "conv/bias": "conv/bias",
    "scale/weights": "scale/scale",
    "scale/biases": "scale/shift",
}


def build(spec: ModelSpec) -> keras.Model:
    """The network of the spec's variant, from (B, H, W, 3) float32, normalised.

    "detector"    to (B, H / 32, W / 32, 5 numbers an anchor) float32, see `models.export.yolo`
    "recogniser"  to (B, 128) float32
    raises        KeyError for another variant
    """
    return {"detector": _detector, "recogniser": _recogniser}[spec.variant](spec)


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`; one manifest, with its `.bin` beside it.

    raises  BadWeights also if one of the other files is no shard of it
    """
    shards = [shard.resolve() for shard in tfjs.shards(files[0])]
    for file in files[1:]:
        if file.resolve() not in shards:
            raise BadWeights(f"{file}: wanted a shard of {files[0].name}, got another file")
    if spec.variant == "detector" and len(spec.labels) != 1:
        raise BadModel(f"{spec.name}: {wrong_labels(1, len(spec.labels))}")
    network = hollow(lambda: build(spec))
    weights = transfer(spec, tfjs.read(files[0]), network)
    graph = Graph(spec.name)
    (made,) = emit(graph, network, weights, [graph.image(spec.input)])
    if spec.variant == "detector":
        emit_head(
            graph,
            made,
            head_of(spec, class_logits=False),
            score_threshold=SCORE_THRESHOLD,
            iou_threshold=IOU_THRESHOLD,
        )
    else:
        emit_embedding(graph, made, EMBEDDING)
    return graph


def transfer(spec: ModelSpec, source: WeightFile, network: keras.Model) -> Filled:
    """The tensors of the file in their places. All lie as Keras has them.

    raises  BadWeights if one is missing or left over
    """
    moves = Transfer(source, network)
    if spec.variant == "detector":
        for index in (*range(len(WIDTHS)), LAST):
            parts = CONV if index in {0, LAST} else SEPARABLE
            for theirs, ours in parts.items():
                moves.move(f"conv{index}/{theirs}", f"conv{index}/{ours}")
        return moves.finish()
    units = {"conv32_down": "conv32_down"}
    units |= {f"{name}/conv{n}": f"{name}_conv{n}" for name, *_ in BLOCKS for n in (1, 2)}
    for theirs, ours in units.items():
        for tensor, variable in UNIT.items():
            moves.move(f"{theirs}/{tensor}", f"{ours}_{variable}")
    moves.move("fc", "fc/kernel")
    return moves.finish()


def _detector(spec: ModelSpec) -> keras.Model:
    """Separable convolutions pad by one pixel all around, which at stride 1 is "same"."""
    image = keras.Input((spec.input.height, spec.input.width, 3), name="image")
    value = layers.Conv2D(WIDTHS[0], 3, name="conv0")(image)
    value = layers.LeakyReLU(SLOPE, name="leaky0")(value)
    for index, width in enumerate(WIDTHS[1:], start=1):
        value = layers.MaxPooling2D(2, padding="same", name=f"pool{index - 1}")(value)
        value = layers.SeparableConv2D(width, 3, padding="same", name=f"conv{index}")(value)
        value = layers.LeakyReLU(SLOPE, name=f"leaky{index}")(value)
    value = layers.MaxPooling2D(2, strides=1, padding="same", name="pool5")(value)
    numbers = head_of(spec, class_logits=False).channels
    return keras.Model(image, layers.Conv2D(numbers, 1, name=f"conv{LAST}")(value), name=spec.name)


def _recogniser(spec: ModelSpec) -> keras.Model:
    image = keras.Input((spec.input.height, spec.input.width, 3), name="image")
    assert isinstance(image, keras.KerasTensor)  # for type checkers: Keras promises a list as well
    value = _unit(image, "conv32_down", 32, 7, halve=True)
    value = layers.ReLU(name="conv32_down_relu")(value)
    value = layers.MaxPooling2D(3, 2, name="pool")(value)
    for name, width, halve in BLOCKS:
        value = _block(value, name, width, halve=halve)
    value = layers.GlobalAveragePooling2D(name="average")(value)
    value = layers.Dense(EMBEDDING, use_bias=False, name="fc")(value)
    return keras.Model(image, value, name=spec.name)


def _unit(
    value: keras.KerasTensor, name: str, width: int, size: int, *, halve: bool
) -> keras.KerasTensor:
    """A convolution, and a scale and a shift of each channel."""
    strides, padding = (2, "valid") if halve else (1, "same")
    conv = layers.Conv2D(width, size, strides, padding, name=f"{name}_conv")
    return Affine(name=f"{name}_scale")(conv(value))


def _block(value: keras.KerasTensor, name: str, width: int, *, halve: bool) -> keras.KerasTensor:
    """Two convolutions beside a short cut.

    Where the picture is halved the short cut is its average, with channels of zeros for the new
    ones, and what the convolutions lack below and to the right is zeros too.
    """
    made = layers.ReLU(name=f"{name}_relu1")(_unit(value, f"{name}_conv1", width, 3, halve=halve))
    made = _unit(made, f"{name}_conv2", width, 3, halve=False)
    if halve:
        value = layers.AveragePooling2D(2, name=f"{name}_average")(value)
        # Both are square.
        if lacking := value.shape[1] - made.shape[1]:
            pads = ((0, lacking), (0, lacking))
            made = layers.ZeroPadding2D(pads, name=f"{name}_pad")(made)
        if value.shape[3] < width:
            value = WidenChannels(width, name=f"{name}_widen")(value)
    return layers.ReLU(name=f"{name}_relu2")(layers.Add(name=f"{name}_add")([made, value]))
