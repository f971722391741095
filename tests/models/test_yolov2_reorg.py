"""Both orders of `reorg`, in Keras and in ONNX; darknet's as its own C code has it."""

from pathlib import Path

import keras
import numpy as np
import pytest

from models.export.graph import Graph
from models.export.keras_graph import emit
from models.families.yolov2_reorg import Order, Reorg
from models.session import open_session
from models.spec import Port


def as_in_c(planes: np.ndarray, stride: int) -> np.ndarray:
    """What `reorg_cpu` with forward = 0 leaves in memory, read with the shape it is given after.

    planes   (C, H, W);  returns (C stride stride, H / stride, W / stride)
    """
    channels, height, width = planes.shape
    flat, out = planes.ravel(), np.empty(planes.size, planes.dtype)
    few = channels // stride**2
    for k in range(channels):
        for j in range(height):
            for i in range(width):
                offset, plane = divmod(k, few)
                across, down = i * stride + offset % stride, j * stride + offset // stride
                source = across + width * stride * (down + height * stride * plane)
                out[i + width * (j + height * k)] = flat[source]
    return out.reshape(channels * stride**2, height // stride, width // stride)


def network(order: Order, stride: int, shape: tuple[int, int, int]) -> keras.Model:
    image = keras.Input(shape)
    return keras.Model(image, Reorg(order, stride)(image))


def in_onnx(model: keras.Model, images: np.ndarray, folder: Path) -> np.ndarray:
    """NHWC in and out."""
    _, height, width, channels = model.input_shape
    _, rows, columns, made = model.output_shape
    graph = Graph("reorg")
    feed = graph.input(Port("x", "float32", ("B", channels, height, width)))
    (value,) = emit(graph, model, {}, [feed])
    graph.output(Port("y", "float32", ("B", made, rows, columns)), value)
    path = folder / "reorg.onnx"
    path.write_bytes(graph.model({}).SerializeToString())
    got = open_session(path, device="cpu").run({"x": images.transpose(0, 3, 1, 2).copy()})["y"]
    return got.transpose(0, 2, 3, 1)


@pytest.mark.parametrize(("stride", "shape"), [(2, (4, 6, 8)), (3, (3, 6, 9)), (2, (2, 2, 64))])
def test_darknets_order_is_that_of_its_code(
    stride: int, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    images = np.random.default_rng(3).standard_normal((3, *shape), np.float32)
    wanted = np.stack([as_in_c(i.transpose(2, 0, 1), stride).transpose(1, 2, 0) for i in images])
    model = network("darknet", stride, shape)
    assert (np.asarray(model(images)) == wanted).all()
    assert (in_onnx(model, images, tmp_path) == wanted).all()
    # The two are not the same: weights of one are of no use behind the other.
    assert (np.asarray(network("tensorflow", stride, shape)(images)) != wanted).any()


@pytest.mark.parametrize(("stride", "shape"), [(2, (4, 6, 5)), (3, (3, 6, 2))])
def test_tensorflows_order_lays_the_pixels_of_a_square_one_behind_the_other(
    stride: int, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    images = np.random.default_rng(4).standard_normal((2, *shape), np.float32)
    model = network("tensorflow", stride, shape)
    got = np.asarray(model(images))
    for row, column in np.ndindex(got.shape[1:3]):
        square = images[:, row * stride :, column * stride :][:, :stride, :stride]
        assert (got[:, row, column] == square.reshape(len(images), -1)).all()
    assert (in_onnx(model, images, tmp_path) == got).all()


def test_it_is_kept_with_a_network() -> None:
    model = network("darknet", 2, (4, 4, 8))
    again = keras.Model.from_config(model.get_config())
    assert (again.layers[-1].order, again.layers[-1].stride) == ("darknet", 2)


@pytest.mark.parametrize(
    ("order", "shape"), [("darknet", (4, 4, 6)), ("darknet", (5, 4, 8)), ("tensorflow", (4, 5, 8))]
)
def test_what_cannot_be_divided_is_refused(order: Order, shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="wanted a height and width divisible by 2"):
        network(order, 2, shape)
