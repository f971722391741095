"""Writing a .tflite network as ONNX: padding, layouts, and what it refuses."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tflite

from models import ZOO, BadWeights
from models.export.graph import Graph
from models.export.tflite import emit
from models.readers.network import Convolution, Network, Operator, Padding, Pooling, Tensor
from models.readers.tflite import parse, read
from models.session import open_session
from models.spec import Port
from tests.models.conftest import Golden
from tests.models.pictures import golden_pictures
from tests.models.tflite_file import File, Op, T

TOLERANCE = 1e-4


def relative(got: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference, as a share of the largest number wanted."""
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


@pytest.mark.parametrize("batch", [1, 3])
def test_the_detectors_raw_outputs_are_those_of_the_original_interpreter(
    original: Callable[[str], Path], golden: Golden, tmp_path: Path, batch: int
) -> None:
    graph = Graph("raw")
    image = graph.image(ZOO["blazeface-short"].input)
    regressors, logits = emit(graph, read(original("blazeface-short")), [image])
    graph.output(Port("regressors", "float32", ("B", 896, 16)), regressors)
    graph.output(Port("logits", "float32", ("B", 896, 1)), logits)
    path = save(graph, tmp_path)
    got = open_session(path, device="cpu").run({"image": golden_pictures(128)[:batch]})
    for name, wanted in (("regressors", "regressors"), ("logits", "logits")):
        assert relative(got[name][:, ::7], golden[wanted][:batch]) < TOLERANCE


def save(graph: Graph, folder: Path) -> Path:
    path = folder / "graph.onnx"
    path.write_bytes(graph.model({}).SerializeToString())
    return path


def convolve_by_hand(
    picture: np.ndarray, kernel: np.ndarray, stride: int, padding: Padding
) -> np.ndarray:
    """TensorFlow's convolution as its documentation defines it; (H, W, in) and (out, h, w, in)."""
    height, width, _ = picture.shape
    out, tall, wide, _ = kernel.shape
    if padding == "same":
        rows, columns = -(-height // stride), -(-width // stride)
        down = max((rows - 1) * stride + tall - height, 0)
        across = max((columns - 1) * stride + wide - width, 0)
        edges = ((down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0))
        picture = np.pad(picture, edges)
    else:
        rows, columns = (height - tall) // stride + 1, (width - wide) // stride + 1
    result = np.zeros((rows, columns, out))
    for y in range(rows):
        for x in range(columns):
            patch = picture[y * stride : y * stride + tall, x * stride : x * stride + wide]
            result[y, x] = (patch * kernel).sum(axis=(1, 2, 3))
    return result


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [(7, 8), (9, 10)])
@pytest.mark.parametrize("window", [(3, 3), (5, 2), (1, 1)])
def test_padding_is_tensorflows_to_the_pixel(
    tmp_path: Path, padding: Padding, stride: int, size: tuple[int, int], window: tuple[int, int]
) -> None:
    random = np.random.default_rng(1)
    picture = random.standard_normal((*size, 2), np.float32)
    kernel = random.standard_normal((4, *window, 2), np.float32)
    wanted = convolve_by_hand(picture, kernel, stride, padding)
    network = Network(
        "by-hand",
        (
            Tensor("x", (1, *size, 2), "float32", None),
            Tensor("kernel", kernel.shape, "float32", kernel),
            Tensor("bias", (4,), "float32", np.zeros(4, np.float32)),
            Tensor("y", (1, *wanted.shape), "float32", None),
        ),
        (
            Operator(
                "CONV_2D", (0, 1, 2), (3,), Convolution((stride, stride), (1, 1), padding, "none")
            ),
        ),
        (0,),
        (3,),
    )
    graph = Graph("convolution")
    (value,) = emit(graph, network, [graph.input(Port("x", "float32", ("B", 2, *size)))])
    graph.output(Port("y", "float32", ("B", 4, *wanted.shape[:2])), value)
    session = open_session(save(graph, tmp_path), device="cpu")
    got = session.run({"x": picture.transpose(2, 0, 1)[np.newaxis]})["y"]
    assert np.allclose(got[0].transpose(1, 2, 0), wanted, atol=1e-5)


def test_a_mean_leaves_out_what_lies_outside_and_softmax_is_over_the_last_axis(
    tmp_path: Path,
) -> None:
    picture = np.arange(18, dtype=np.float32).reshape(3, 3, 2)
    network = Network(
        "by-hand",
        (
            Tensor("x", (1, 3, 3, 2), "float32", None),
            Tensor("means", (1, 2, 2, 2), "float32", None),
            Tensor("y", (1, 2, 2, 2), "float32", None),
        ),
        (
            Operator("AVERAGE_POOL_2D", (0,), (1,), Pooling((2, 2), (2, 2), "same", "none")),
            Operator("SOFTMAX", (1,), (2,), None),
        ),
        (0,),
        (2,),
    )
    graph = Graph("means")
    (value,) = emit(graph, network, [graph.input(Port("x", "float32", ("B", 2, 3, 3)))])
    graph.output(Port("y", "float32", ("B", 2, 2, 2)), value)
    session = open_session(save(graph, tmp_path), device="cpu")
    got = session.run({"x": picture.transpose(2, 0, 1)[np.newaxis] ** 2 / 100})["y"]
    squares = picture**2 / 100
    parts = [[squares[y : y + 2, x : x + 2] for x in (0, 2)] for y in (0, 2)]
    means = np.array([[part.mean(axis=(0, 1)) for part in row] for row in parts])
    wanted = np.exp(means) / np.exp(means).sum(axis=-1, keepdims=True)
    assert np.allclose(got[0].transpose(1, 2, 0), wanted, atol=1e-5)


def test_an_operator_that_is_not_known_is_named() -> None:
    hard_swish = tflite.BuiltinOperator.HARD_SWISH
    file = File([T("x", (1, 4)), T("y", (1, 4))], [Op(hard_swish, [0], [1])], outputs=(1,))
    network = parse(file.to_bytes(), "new.tflite")
    with pytest.raises(BadWeights, match=r"new\.tflite: operator HARD_SWISH: wanted one of ADD, "):
        emit(Graph("g"), network, ["x"])


def test_a_file_that_lies_about_a_shape_is_refused() -> None:
    relu = tflite.BuiltinOperator.RELU
    file = File([T("x", (1, 4)), T("y", (1, 5))], [Op(relu, [0], [1])], outputs=(1,))
    network = parse(file.to_bytes(), "lying.tflite")
    with pytest.raises(BadWeights, match=r"RELU that makes 'y': wanted an output of \(1, 5\)"):
        emit(Graph("g"), network, ["x"])
