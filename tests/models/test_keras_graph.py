"""The ONNX file says what the Keras network says, layer by layer and for whole networks."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from keras import layers

from models import BadModel, Input
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.session import open_session
from models.spec import Port
from models.transfer import values
from tests.models.seeded import fill

SIZE = 24
TOLERANCE = 1e-4


def sequential(*stack: keras.Layer) -> keras.Model:
    return keras.Sequential([layers.Input((SIZE, SIZE, 3)), *stack])


def forked() -> keras.Model:
    """A convolution that two layers read: its batch norm must not be folded into it."""
    image = layers.Input((SIZE, SIZE, 3))
    conv = layers.Conv2D(4, 3, padding="same")(image)
    normal = layers.BatchNormalization()(conv)
    return keras.Model(image, layers.Concatenate()([conv, layers.ReLU()(normal)]))


def nested() -> keras.Model:
    image = layers.Input((SIZE, SIZE, 3))
    inner = sequential(layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(6.0))
    return keras.Model(image, layers.Flatten()(inner(image)))


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "stride 2, same": lambda: sequential(layers.Conv2D(5, 3, strides=2, padding="same")),
    "stride 2, valid": lambda: sequential(layers.Conv2D(5, 3, strides=2, activation="relu")),
    "dilated": lambda: sequential(layers.Conv2D(5, 3, dilation_rate=3, padding="same")),
    "no bias, batch norm": lambda: sequential(
        layers.Conv2D(5, 1, use_bias=False), layers.BatchNormalization(epsilon=1e-5)
    ),
    "batch norm behind an activation": lambda: sequential(
        layers.Conv2D(5, 1, activation="relu"), layers.BatchNormalization(scale=False)
    ),
    "read by two": forked,
    "a network inside": nested,
    "depthwise": lambda: sequential(
        layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2, padding="same"),
        layers.BatchNormalization(),
    ),
    "separable": lambda: sequential(layers.SeparableConv2D(6, 3, padding="same")),
    "transposed, same": lambda: sequential(
        layers.Conv2DTranspose(5, 4, strides=2, padding="same", activation="sigmoid")
    ),
    "transposed, valid": lambda: sequential(layers.Conv2DTranspose(5, 3, strides=2)),
    "transposed, long stride": lambda: sequential(
        layers.Conv2DTranspose(5, 2, strides=3, padding="same")
    ),
    "pools": lambda: sequential(
        layers.MaxPooling2D(3, 2, padding="same"), layers.AveragePooling2D(3, 2, padding="same")
    ),
    "padded and cut": lambda: sequential(
        layers.ZeroPadding2D(((1, 2), (0, 3))), layers.Cropping2D(((2, 0), (1, 1)))
    ),
    "larger, nearest": lambda: sequential(layers.UpSampling2D((2, 3))),
    "larger, bilinear": lambda: sequential(layers.UpSampling2D(4, interpolation="bilinear")),
    "leaky": lambda: sequential(layers.Conv2D(4, 1), layers.LeakyReLU(negative_slope=0.1)),
    "head": lambda: sequential(
        layers.Reshape((SIZE * 3, SIZE, 1)),
        layers.GlobalAveragePooling2D(keepdims=True),
        layers.Flatten(),
        layers.Dense(7),
        layers.Dropout(0.5),
        layers.Softmax(),
    ),
    "MobileNet": lambda: keras.applications.MobileNet(
        weights=None, input_shape=(64, 64, 3), alpha=0.25, classes=10
    ),
    "ResNet50": lambda: keras.applications.ResNet50(
        weights=None, input_shape=(32, 32, 3), include_top=False
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_says_what_keras_says(name: str, tmp_path: Path) -> None:
    network = NETWORKS[name]()
    fill(network, seed=1)
    height, width = network.input_shape[1:3]
    shape = network.output_shape
    graph = Graph("network")
    (made,) = emit(graph, network, values(network), [graph.image(Input(width, height))])
    sizes = (shape[3], shape[1], shape[2]) if len(shape) == 4 else shape[1:]
    graph.output(Port("y", "float32", ("B", *sizes)), made)
    path = tmp_path / "network.onnx"
    with path.open("wb") as file:
        graph.write(file, {})

    pictures = np.random.default_rng(2).integers(0, 256, (3, height, width, 3), np.uint8)
    wanted = np.asarray(network(pictures.astype(np.float32) / 255, training=False))
    session = open_session(path, device="cpu")
    for count in (1, 3):
        got = session.run({"image": pictures[:count]})["y"]
        if got.ndim == 4:
            got = got.transpose(0, 2, 3, 1)
        assert np.abs(got - wanted[:count]).max() <= TOLERANCE * np.abs(wanted).max()


def test_a_batch_norm_behind_a_convolution_is_folded() -> None:
    network = sequential(layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU())
    graph = Graph("folded")
    (made,) = emit(graph, network, values(network), [graph.image(Input(SIZE, SIZE))])
    graph.output(Port("y", "float32", ("B", 4, SIZE - 2, SIZE - 2)), made)
    kinds = [node.op_type for node in graph.model({}).graph.node]
    assert kinds == ["Transpose", "Cast", "Mul", "Conv", "Relu", "Identity"]


def test_a_layer_that_is_not_known_is_named() -> None:
    network = sequential(layers.GaussianNoise(0.1, name="noise"))
    graph = Graph("unknown")
    with pytest.raises(BadModel, match=r"layer noise: wanted a layer among .*, got GaussianNoise"):
        emit(graph, network, values(network), [graph.image(Input(SIZE, SIZE))])


def test_a_file_written_in_parts_is_one_model(tmp_path: Path) -> None:
    network = sequential(layers.Conv2D(256, 5, name="large"), layers.GlobalAveragePooling2D())
    fill(network, seed=3)
    graph = Graph("large")
    (made,) = emit(graph, network, values(network), [graph.image(Input(SIZE, SIZE))])
    graph.output(Port("y", "float32", ("B", 256)), made)
    whole = graph.model({"who": "me"})
    path = tmp_path / "parts.onnx"
    for _ in range(2):
        with path.open("wb") as file:
            graph.write(file, {"who": "me"})
    read = onnx.load(path)
    onnx.checker.check_model(read, full_check=True)
    assert read == whole
