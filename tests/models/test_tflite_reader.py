"""Reading .tflite files: the real ones, small ones made for a purpose, and broken ones."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tflite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import ZOO, BadWeights
from models.readers.network import Convolution, Network, Resizing
from models.readers.tflite import parse, read
from tests.models.tflite_file import File, Op, T, conv_options, resize_options

ANY_EXAMPLES = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("name", ["blazeface-short", "facemesh-468"])
def test_its_numbers_are_as_many_as_the_spec_says(
    original: Callable[[str], Path], name: str
) -> None:
    network = read(original(name))
    learnt = {
        number
        for operator in network.operators
        if operator.name in {"CONV_2D", "DEPTHWISE_CONV_2D", "PRELU"}
        for number in operator.inputs[1:]
    }
    arrays = [network.tensors[number].data for number in learnt]
    spec = ZOO[name]
    assert spec.parameters is not None
    assert sum(array.size for array in arrays if array is not None) == spec.parameters.numbers


def test_the_detector_is_read_whole(original: Callable[[str], Path]) -> None:
    network = read(original("blazeface-short"))
    assert [network.tensors[i].shape for i in network.inputs] == [(1, 128, 128, 3)]
    assert [network.tensors[i].shape for i in network.outputs] == [(1, 896, 16), (1, 896, 1)]
    first = network.operators[0]
    assert first.name == "CONV_2D"
    assert first.options == Convolution((2, 2), (1, 1), "same", "none")


def test_float16_weights_come_as_float32_and_nothing_is_left_to_dequantise(
    original: Callable[[str], Path],
) -> None:
    network = read(original("blazeface-short"))
    assert "DEQUANTIZE" not in {operator.name for operator in network.operators}
    kernel = network.tensors[network.operators[0].inputs[1]]
    assert (kernel.shape, kernel.dtype) == ((24, 5, 5, 3), "float32")
    assert kernel.data is not None
    assert np.array_equal(kernel.data, kernel.data.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize(("aligned", "half_pixel"), [(True, False), (False, True), (False, False)])
def test_how_a_picture_is_resized_is_read(aligned: bool, half_pixel: bool) -> None:
    options = resize_options(aligned=aligned, half_pixel=half_pixel)
    size = T("size", (2,), tflite.TensorType.INT32, np.array([4, 6], np.int32))
    tensors = [T("image", (1, 2, 3, 5)), size, T("larger", (1, 4, 6, 5))]
    operator = Op(tflite.BuiltinOperator.RESIZE_BILINEAR, [0, 1], [2], options)
    network = parse(File(tensors, [operator], outputs=[2]).to_bytes(), "a.tflite")
    assert network.operators[0].options == Resizing(aligned, half_pixel)


def constant(tensor: T) -> np.ndarray:
    data = parse(File([tensor], inputs=()).to_bytes(), "a.tflite").tensors[0].data
    assert data is not None
    return data


def test_one_scale_for_all() -> None:
    stored = np.array([[0, 128, 255]], np.uint8)
    tensor = T("w", (1, 3), tflite.TensorType.UINT8, stored, scales=[0.5], zeros=[128])
    assert constant(tensor).tolist() == [[-64.0, 0.0, 63.5]]


def test_a_scale_for_each_channel() -> None:
    stored = np.array([[1, 2], [3, 4]], np.int8)
    tensor = T("w", (2, 2), tflite.TensorType.INT8, stored, [0.5, 2.0], [0, 1], axis=1)
    assert constant(tensor).tolist() == [[0.5, 2.0], [1.5, 6.0]]


def test_integers_without_a_scale_stay_integers() -> None:
    shape = constant(T("shape", (2,), tflite.TensorType.INT32, np.array([1, -1], np.int32)))
    assert (shape.dtype, shape.tolist()) == (np.int32, [1, -1])


def test_constants_cannot_be_changed() -> None:
    data = constant(T("w", (2,), data=np.array([1, 2], np.float32)))
    with pytest.raises(ValueError, match="read-only"):
        data[0] = 0


ONES = np.ones(3, np.float32)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (File([T("w", (4,), data=ONES)], inputs=()), "'w': (4,) float32: wanted 16 bytes, got 12"),
        (File([T("w", (-3,), data=ONES)], inputs=()), "'w': shape: wanted positive numbers"),
        (File([T("w", (3,), 99, ONES)], inputs=()), "'w': type: wanted one of"),
        (File([T("w", (3,), data=ONES * np.inf)], inputs=()), "'w': values: wanted finite numbers"),
        (File([T("w", (1,) * 9)], inputs=()), "'w': axes: wanted at most 8, got 9"),
        (
            File([T("w", (3,), 9, np.ones(3, np.int8), [1.0, 1.0])], inputs=()),
            "'w': scales: wanted 1 or 3, got 2",
        ),
        (
            File([T("w", (3,), 9, np.ones(3, np.int8), [-1.0])], inputs=()),
            "'w': scales: wanted positive numbers",
        ),
        (File([T("x", (3,))], inputs=(5,)), "inputs: wanted 0 to 0, got 5"),
        (File([T("x", (3,))], inputs=(), outputs=(0,)), "output 'x': wanted made"),
        (
            File([T("x", (3,)), T("y", (3,))], [Op(19, [1], [0])], inputs=()),
            "RELU: 'y': wanted made before, got not",
        ),
        (
            File([T("x", (3,)), T("y", (3,))], [Op(19, [0], [0])]),
            "'x': wanted made once, got made again by RELU",
        ),
        (File([T("x", (3,))], [Op(9_999, [0], [0])]), "wanted one of the schema, got code 9999"),
        (
            File([T("x", (3,)), T("y", (3,))], [Op(3, [0], [1])]),
            "operator 0 CONV_2D: options: wanted Conv2DOptions, got code 0",
        ),
        (
            File([T("x", (3,)), T("y", (3,))], [Op(3, [0], [1], conv_options(0, 0))]),
            "operator 0 CONV_2D: stride: wanted 1 to 9999, got 0",
        ),
    ],
)
def test_a_lying_file_is_named_with_what_is_wrong(file: File, message: str) -> None:
    with pytest.raises(BadWeights, match=re.escape(message)) as caught:
        parse(file.to_bytes(), "lying.tflite")
    assert str(caught.value).startswith("lying.tflite: ")


def test_tensors_that_share_a_buffer_cannot_ask_for_much_memory() -> None:
    shared = np.ones(10_000, np.float32)
    two = File([T(f"w{i}", (10_000,), data=shared) for i in range(2)], inputs=())
    assert len(parse(two.to_bytes(), "two.tflite").tensors) == 2
    many = File([T(f"w{i}", (10_000,), data=shared) for i in range(100)], inputs=())
    with pytest.raises(BadWeights, match="constants: wanted at most 8 times the file, got more"):
        parse(many.to_bytes(), "many.tflite")


def test_a_lying_number_of_tensors_cannot_ask_for_much_time() -> None:
    many = File([T("t", (1,)) for _ in range(20_001)], inputs=()).to_bytes()
    with pytest.raises(BadWeights, match="tensors: wanted at most 20000, got 20001"):
        parse(many, "many.tflite")


@pytest.mark.parametrize("data", [b"", b"TFL3", b"GIF89a" * 100, b"\0\0\0\0TFL3" + b"\xff" * 64])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(BadWeights, match=r"^other: "):
        parse(data, "other")


@ANY_EXAMPLES
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_is_refused_or_read(original: Callable[[str], Path], share: float) -> None:
    data = original("blazeface-short").read_bytes()
    only_bad_weights(data[: int(len(data) * share)])


@ANY_EXAMPLES
@given(
    flips=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=40
    ),
    tail=st.booleans(),
)
def test_a_damaged_file_is_refused_or_read(
    original: Callable[[str], Path], flips: list[tuple[float, int]], *, tail: bool
) -> None:
    data = bytearray(original("blazeface-short").read_bytes())
    # All but weights lies in the last twelfth of this file: half of the examples damage that alone.
    first = len(data) * 11 // 12 if tail else 0
    for place, value in flips:
        data[first + int((len(data) - first) * place)] = value
    only_bad_weights(bytes(data))


def only_bad_weights(data: bytes) -> None:
    try:
        network = parse(data, "damaged.tflite")
    except BadWeights:
        return
    assert isinstance(network, Network)
    held = sum(t.data.nbytes for t in network.tensors if t.data is not None)
    assert held <= 2 * 8 * len(data)  # a float16 tensor and what is folded out of it share an array
