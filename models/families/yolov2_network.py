"""YOLOv2 networks as Keras models."""

from typing import Any

import keras
from keras import layers as of

from models.families import mobilenet
from models.families import yolov2_layers as parts
from models.families.yolov2_layers import LAST, Convolution, Layers, MaxPool, Reorganise, Route
from models.families.yolov2_reorg import Order, Reorg

# In the root of a batch norm: keras-yolo2 leaves that of Keras; for darknet see `yolov2_import.py`.
DARKNET_EPSILON, KERAS_EPSILON = 1e-6, 1e-3
SLOPE = 0.1  # of leaky, below 0


def network(layers: Layers, height: int, width: int, order: Order) -> keras.Model:
    """The layers one after the other, variables as Keras draws them.

    input   (B, height, width, 3) float32, in [0, 1]
    output  (B, rows, columns, channels) float32: what the head reads
    """
    epsilon = DARKNET_EPSILON if order == "darknet" else KERAS_EPSILON
    image = keras.Input((height, width, 3), name="image")
    made = [image]
    for layer, name in zip(layers, parts.names(layers), strict=True):
        value = made[-1]
        match layer:
            case Convolution():
                value = _convolution(value, layer, name, epsilon)
            case MaxPool(stride):
                value = of.MaxPooling2D(2, stride, padding="same", name=name)(value)
            case Reorganise(stride):
                value = Reorg(order, stride, name=name)(value)
            case Route((one,)):
                value = made[one + 1]
            case Route(numbers):
                value = of.Concatenate(name=name)([made[n + 1] for n in numbers])
        made.append(value)
    return keras.Model(image, made[-1], name="yolov2")


def _convolution(value: Any, layer: Convolution, name: str, epsilon: float) -> Any:
    number = name.rpartition("_")[2]
    same = layer.stride == 1 and 2 * layer.padding + 1 == layer.size
    if layer.padding and not same:
        # Keras's "same" would put the odd row at the end only.
        value = of.ZeroPadding2D(layer.padding, name=f"pad_{number}")(value)
    value = of.Conv2D(
        layer.filters,
        layer.size,
        layer.stride,
        padding="same" if same else "valid",
        use_bias=not layer.batch_norm,
        name=name,
    )(value)
    if layer.batch_norm:
        value = of.BatchNormalization(epsilon=epsilon, name=norm(name))(value)
    if layer.activation == "leaky":
        return of.LeakyReLU(SLOPE, name=f"leaky_{number}")(value)
    if layer.activation == "relu":
        return of.ReLU(name=f"relu_{number}")(value)
    return value


def on_mobilenet(
    height: int, width: int, channels: int, alpha: float, *, folded: bool
) -> keras.Model:
    """MobileNet v1 and one convolution behind it, as keras-yolo2 has it.

    input   (B, height, width, 3) float32, in [-1, 1]
    output  (B, height / 32, width / 32, channels) float32: what the head reads
    alpha, folded  as in `models.families.mobilenet.convolutions`; keras-yolo2 has 1 and False
    """
    image: Any = keras.Input((height, width, 3), name="image")
    value = mobilenet.convolutions(image, alpha, folded=folded)
    raw = of.Conv2D(channels, 1, padding="same", name=LAST)(value)
    return keras.Model(image, raw, name="yolov2_mobilenet")


def norm(convolution: str) -> str:
    """The name of the batch norm behind a convolution, as keras-yolo2 has it."""
    return convolution.replace("conv_", "norm_") if "conv_" in convolution else "norm_last"
