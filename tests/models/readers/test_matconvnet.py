"""Reading MatConvNet's files, which SciPy wrote."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest

from models import BadWeights
from models.readers import matconvnet
from models.readers.weights import WeightFile
from tests.models.readers.mat_file import BIASES, FILTERS, LAYERS, META, cell, made


def read(tmp_path: Path, data: bytes) -> WeightFile:
    path = tmp_path / "a.mat"
    path.write_bytes(data)
    return matconvnet.read(path)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_filters_and_biases(tmp_path: Path, compressed: bool, inside: bool) -> None:
    top = {"net": {"layers": LAYERS, **META}} if inside else {"layers": LAYERS, "meta": META}
    weights = read(tmp_path, made(top, compressed=compressed))
    names = ["conv1_1/filters", "conv1_1/biases", "fc8/filters", "fc8/biases"]
    assert list(weights) == names
    assert np.array_equal(weights["conv1_1/filters"].read(), FILTERS)
    assert np.array_equal(weights["conv1_1/biases"].read(), BIASES)
    assert weights["fc8/filters"].read().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert weights["fc8/biases"].shape == (4, 1)
    assert {weights[name].read().dtype.name for name in names} == {"float32"}


def test_what_else_the_file_says(tmp_path: Path) -> None:
    notes = read(tmp_path, made({"layers": LAYERS, "meta": META})).notes
    assert notes["layers"] == ("conv1_1", "relu1_1", "fc8")
    assert notes["classes"] == ("Aamir Khan", "Ágnes")
    average = notes["average"]
    assert isinstance(average, np.ndarray)
    assert (average.shape, average.dtype, average.max()) == ((2, 2, 3), np.float32, 129.5)


def test_whole_numbers_in_fewer_bytes_are_what_their_class_says(tmp_path: Path) -> None:
    # MATLAB writes doubles that are small whole numbers as bytes; SciPy does not.
    data = made({"layers": cell({"name": "a", "weights": cell(np.array([[1.0, 2, 3, 250]]))})})
    doubles = struct.pack("<II4d", 9, 32, 1, 2, 3, 250)
    small = struct.pack("<HH4B", 2, 4, 1, 2, 3, 250)
    at = data.index(doubles)
    # What holds the numbers is as long as before: the rest is left as padding inside it.
    changed = data[:at] + small + data[at + len(small) :]
    assert read(tmp_path, changed)["a/filters"].read().tolist() == [[1, 2, 3, 250]]


def conv(weights: object) -> np.ndarray:
    return cell({"name": "conv", "type": "conv", "weights": weights})


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ({"x": 1.0}, "layers: wanted a cell of layers, alone or in net, got NoneType"),
        ({"layers": np.ones(3)}, "layers: wanted a cell of layers, alone or in net, got Stored"),
        ({"layers": cell({"type": "relu"})}, "layer 1: wanted a struct with a name, got NoneType"),
        ({"layers": cell(np.ones(2))}, "layer 1: wanted a struct with a name"),
        ({"layers": cell({"name": "a", "type": "relu"})}, "layers: wanted weights, got none"),
        ({"layers": conv("text")}, "layer conv: weights: wanted a cell, got str"),
        ({"layers": conv(cell("text"))}, "tensor conv/filters: wanted numbers, got str"),
        ({"layers": conv(cell(*[FILTERS] * 4))}, "layer conv: wanted at most"),
        ({"layers": conv(cell(FILTERS * 1j))}, "wanted real numbers, got complex ones"),
        ({"layers": cell(*[{"name": "a"}] * 2)}, "layer a: wanted once, got twice"),
    ],
)
def test_something_else_than_a_network(
    tmp_path: Path, top: dict[str, object], message: str
) -> None:
    with pytest.raises(BadWeights, match=re.escape(message)) as caught:
        read(tmp_path, made(top))
    assert str(caught.value).startswith("a.mat: ")


GOOD = made({"layers": LAYERS})
BYTES = struct.pack("<II", 7, FILTERS.nbytes) + FILTERS.tobytes(order="F")
SHAPE = struct.pack("<II4i", 5, 16, *FILTERS.shape)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "header: wanted bytes 0 to 128 in the file"),
        (GOOD[:200], "wanted an end before byte 200"),
        (GOOD[:-8], "wanted an end before byte"),
        (GOOD.replace(b"IM", b"MI", 1), "wanted a .mat file of level 5, little-endian"),
        (b"MATLAB 7.3 MAT-file".ljust(512), "got one of version 7.3: save it with -v7"),
        (GOOD + GOOD[128:], "variable layers: wanted once, got twice"),
        (GOOD.replace(SHAPE, struct.pack("<II4i", 5, 16, 3, 3, 2, 5)), "float32: wanted 360 bytes"),
        (GOOD.replace(SHAPE, struct.pack("<II4i", 5, 16, 3, 3, -2, 4)), "shape: wanted numbers"),
        (
            GOOD.replace(SHAPE, struct.pack("<II4i", 5, 16, *[1 << 30] * 4)),
            "wanted all tensors at most 16 times the",
        ),
    ],
)
def test_a_lying_file_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(BadWeights, match=re.escape(message)):
        read(tmp_path, data)


def test_a_variable_that_swells_is_refused(tmp_path: Path) -> None:
    zeros = made({"layers": conv(cell(np.zeros((1000, 1000))))}, compressed=True)
    with pytest.raises(BadWeights, match="variable: wanted at most"):
        read(tmp_path, zeros)


def test_many_variables_that_swell_together_are_refused(tmp_path: Path) -> None:
    swell = [made({f"v{i}": "a" * 100_000}, compressed=True)[128:] for i in range(40)]
    data = made({"layers": LAYERS})
    with pytest.raises(BadWeights, match="variable: wanted at most"):
        read(tmp_path, data + b"".join(swell))
    assert list(read(tmp_path, data + b"".join(swell[:8])))
