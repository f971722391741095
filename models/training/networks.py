"""The networks that are trained, with what they know before."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from models.errors import BadData, BadWeights
from models.families import mobilenet, vgg16
from models.spec import Input, ModelSpec
from models.training.config import Picture
from models.training.examples import Pixels

# B, G, R of ImageNet's mean: keras.applications.imagenet_utils, mode "caffe".
CAFFE = (103.939, 116.779, 123.68)
HALF = (127.5, 127.5, 127.5)  # as mean and deviation they bring 0..255 to -1..1

# Of a MobileNet, the finest maps of 1/2, 1/4, 1/8 and 1/16 of the picture that are wholly made.
SKIPS = ("conv_pw_1_relu", "conv_pw_3_relu", "conv_pw_5_relu", "conv_pw_11_relu")
DECODER = (
    128,
    96,
    64,
    32,
)  # channels of the steps back up, about those of SKIPS at alpha 0.25..0.5
MOMENTUM = 0.9  # of batch norms; Keras's 0.99 is meant for thousands of steps
IMAGENET = 1001  # classes of TensorFlow's quantised files: the background is the first


def input_of(network: str, picture: Picture) -> Input:
    """How a backbone wants its picture."""
    if network in {"vgg16", "unet11", "unet16"}:
        return Input(picture.width, picture.height, "bgr", picture.fit, CAFFE, (1.0, 1.0, 1.0))
    return Input(picture.width, picture.height, "rgb", picture.fit, HALF, HALF)


def normalised(pictures: NDArray[np.uint8], wanted: Input) -> NDArray[np.float32]:
    """(B, H, W, 3) uint8 RGB as the network is fed: in its order, (value - mean) / std."""
    ordered = pictures[..., ::-1] if wanted.order == "bgr" else pictures
    mean, std = (np.array(values, np.float32) for values in (wanted.mean, wanted.std))
    return np.asarray((ordered.astype(np.float32) - mean) / std, np.float32)


def backbone(network: str, wanted: Input, alpha: float, weights: Path | None) -> keras.Model:
    """The convolutions of a network: (B, H, W, 3) normalised to (B, H / 32, W / 32, channels).

    weights  its original file; None leaves it random
    raises   BadWeights if the file is not of that network
    """
    if network == "vgg16":
        return _vgg16(wanted, weights)
    return _mobilenet(wanted, alpha, weights)


def _vgg16(wanted: Input, weights: Path | None) -> keras.Model:
    spec = _spec("vgg16", wanted, "features", ())
    model = vgg16.build(spec)
    if weights:
        vgg16.fill(model, weights).assign(model)
    return keras.Model(model.input, model.get_layer("block5_pool").output)


def _mobilenet(wanted: Input, alpha: float, weights: Path | None) -> keras.Model:
    """From a .tflite file, whose batch norms are folded away: there are biases in their place."""
    if weights is None:
        image: Any = layers.Input((wanted.height, wanted.width, 3), name="image")
        return _brisk(keras.Model(image, mobilenet.convolutions(image, alpha)))
    folded = weights.suffix == ".tflite"
    variants = {width: name for name, width in mobilenet.WIDTHS.items()}
    if alpha not in variants:
        raise BadWeights(f"{weights}: alpha: wanted one of {sorted(variants)}, got {alpha}")
    labels = tuple(str(i) for i in range(IMAGENET if folded else IMAGENET - 1))
    variant = f"{mobilenet.FOLDED if folded else ''}{variants[alpha]}"
    model = mobilenet.build(_spec("mobilenet", wanted, variant, labels))
    mobilenet.fill(model, weights).assign(model)
    return _brisk(keras.Model(model.input, model.get_layer("conv_pw_13_relu").output))


def _brisk(network: keras.Model) -> keras.Model:
    """Batch norms that follow what is learnt within a few dozen steps: there may be no more."""
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = MOMENTUM
    return network


def _spec(family: str, wanted: Input, variant: str, labels: tuple[str, ...]) -> ModelSpec:
    return ModelSpec(
        family, family, "classify", wanted, labels, "none", "none", None, variant=variant
    )


def features(body: keras.Model, names: tuple[str, ...]) -> keras.Model:
    """The mean of each channel of some layers, each layer's as a vector of length 1, side by side.

    names    of the layers; () is the last
    returns  (B, H, W, 3) normalised to (B, F)
    """
    maps = [layer_output(body, name) for name in names] or [body.output]
    means = [
        layers.UnitNormalization(name=f"unit_{number}")(
            layers.GlobalAveragePooling2D(name=f"mean_{number}")(value)
        )
        for number, value in enumerate(maps)
    ]
    joined = layers.Concatenate(name="features")(means) if len(means) > 1 else means[0]
    return keras.Model(body.input, joined, name="features")


def classifier(
    trunk: keras.Model, kernel: NDArray[np.float32], bias: NDArray[np.float32]
) -> keras.Model:
    """Features and a linear head: (B, H, W, 3) normalised to (B, classes) probabilities.

    kernel, bias  (F, classes) and (classes,)
    """
    top = layers.Dense(len(bias), activation="softmax", name="predictions")
    network = keras.Model(trunk.input, top(trunk.output), name="classifier")
    top.set_weights([kernel, bias])
    return network


def detector(body: keras.Model, channels: int) -> keras.Model:
    """A backbone and one convolution, as keras-yolo2 has it; its output is what the head reads."""
    value = layers.SpatialDropout2D(0.2, name="dropout")(body.output)
    start: Any = keras.initializers.RandomNormal(stddev=0.01)
    raw = layers.Conv2D(channels, 1, kernel_initializer=start, name="DetectionLayer")(value)
    return keras.Model(body.input, raw, name="yolov2_mobilenet")


def segmenter(body: keras.Model, classes: int) -> keras.Model:
    """A U-Net (arXiv:1505.04597) on a MobileNet: (B, H, W, 3) normalised to (B, H, W, classes).

    The output is a probability for each class.
    """
    value = body.output
    skips = [body.get_layer(name).output for name in reversed(SKIPS)]
    for number, (skip, channels) in enumerate(zip(skips, DECODER, strict=True)):
        value = layers.UpSampling2D(2, interpolation="bilinear", name=f"up_{number}")(value)
        value = layers.Concatenate(name=f"join_{number}")([value, skip])
        value = layers.Conv2D(
            channels, 3, padding="same", use_bias=False, name=f"up_{number}_conv"
        )(value)
        value = layers.BatchNormalization(momentum=MOMENTUM, name=f"up_{number}_norm")(value)
        value = layers.ReLU(name=f"up_{number}_relu")(value)
    value = layers.Conv2D(classes, 1, name="classes")(value)
    value = layers.UpSampling2D(2, interpolation="bilinear", name="full")(value)
    return keras.Model(body.input, layers.Softmax(name="softmax")(value), name="unet_mobilenet")


def freeze(network: keras.Model, last: str) -> None:
    """Keep the weights of all layers up to the one of that name, as they are."""
    layer_output(network, last)
    for layer in network.layers:
        layer.trainable = False
        if layer.name == last:
            return


def split(network: keras.Model, last: str) -> tuple[keras.Model, keras.Model]:
    """A network in two: up to the layer of that name, and what follows it. They share weights."""
    middle = layer_output(network, last)
    return keras.Model(network.input, middle), keras.Model(middle, network.output)


def layer_output(network: keras.Model, name: str) -> keras.KerasTensor:
    """What the layer of that name gives. Raises BadData if there is none."""
    names = [layer.name for layer in network.layers]
    if name not in names:
        raise BadData(f"layer: wanted one of {', '.join(names[1:])}, got {name!r}")
    made: keras.KerasTensor = network.get_layer(name).output
    return made


def run(network: keras.Model, pictures: list[Pixels], wanted: Input) -> NDArray[np.float32]:
    """What a network says about pictures of its size, uint8 RGB."""
    values = network(normalised(np.stack(pictures), wanted), training=False)
    return np.asarray(values, np.float32)
