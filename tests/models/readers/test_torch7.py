"""Reading Torch7's files."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest

from models import BadWeights
from models.readers import torch7
from models.readers.weights import WeightFile
from tests.models.readers.t7_file import Obj, Raw, T, made

NUMBERS = np.arange(24, dtype=np.float32)
KERNEL = NUMBERS.reshape(2, 3, 4)


def read(tmp_path: Path, root: object) -> WeightFile:
    path = tmp_path / "a.t7"
    path.write_bytes(root if isinstance(root, bytes) else made(root))
    return torch7.read(path)


def test_parameters_are_named_by_the_way_to_them(tmp_path: Path) -> None:
    conv = Obj("nn.SpatialConvolution", {"weight": KERNEL, "bias": np.ones(2), "train": False})
    net = Obj("nn.Sequential", {"modules": [conv, Obj("nn.ReLU", {"output": np.empty(0)})]})
    weights = read(tmp_path, net)
    assert list(weights) == ["modules/1/weight", "modules/1/bias"]
    assert np.array_equal(weights["modules/1/weight"].read(), KERNEL)
    assert weights["modules/1/bias"].read().dtype == np.float32
    assert weights.notes["empty"] == ("modules/2/output",)
    assert weights.notes["classes"] == {
        "": "nn.Sequential",
        "modules/1": "nn.SpatialConvolution",
        "modules/2": "nn.ReLU",
    }


@pytest.mark.parametrize("dtype", ["float64", "int64", "int32", "int16", "int8", "uint8"])
def test_dtypes(tmp_path: Path, dtype: str) -> None:
    array = np.array([[1, 2], [3, 100]], dtype)
    found = read(tmp_path, [array])["1"]
    wanted = "float32" if dtype == "float64" else dtype
    assert found.dtype == found.read().dtype.name == wanted
    assert np.array_equal(found.read(), array)


def test_a_tensor_in_two_places_has_the_shorter_name(tmp_path: Path) -> None:
    tensor = T(KERNEL)
    weights = read(tmp_path, {"deep": {"deeper": {"w": tensor}}, "w": tensor})
    assert list(weights) == ["w"]
    assert weights.notes["same"] == {"deep/deeper/w": "w"}


def test_views_of_one_storage(tmp_path: Path) -> None:
    weights = read(tmp_path, [T(NUMBERS, (4, 3), (1, 4), 13), T(NUMBERS, (2,), (5,), 3)])
    assert np.array_equal(weights["1"].read(), NUMBERS[12:].reshape(3, 4).T)
    assert weights["2"].read().tolist() == [2, 7]


def test_a_graph_may_be_deep_and_round(tmp_path: Path) -> None:
    first: dict[object, object] = {"weight": KERNEL}
    node = first
    for _ in range(300):
        node["next"] = node = {}
    node["next"] = first
    node["first"] = first
    assert list(read(tmp_path, first)) == ["weight"]


def test_a_tensor_at_the_end_of_a_long_chain_is_refused(tmp_path: Path) -> None:
    chain: dict[object, object] = {"weight": KERNEL}
    for _ in range(200):
        chain = {"next": chain}
    with pytest.raises(BadWeights, match="tensor: wanted a way to it of at most 500 letters"):
        read(tmp_path, chain)


def test_a_table_may_be_a_key(tmp_path: Path) -> None:
    inside = made({"a": 1.5})
    # A table (type 3, number 1) of two pairs: one with a table for a key, one with a tensor.
    tensor = made([KERNEL])[12 + 12 :]
    key = b"\x03\0\0\0\x09\0\0\0" + inside[8:]
    pairs = key + made(True) + made("w") + tensor
    assert list(read(tmp_path, struct.pack("<3i", 3, 100, 2) + pairs)) == ["w"]


@pytest.mark.parametrize("kind", [6, 7, 8])
def test_functions_are_refused(tmp_path: Path, kind: int) -> None:
    function = Raw(struct.pack("<3i", kind, 99, 4) + b"\x1bLua")
    with pytest.raises(BadWeights, match="value: wanted data, got a function"):
        read(tmp_path, [KERNEL, function])


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ([1, "a"], "file: wanted tensors, got none"),
        ([T(NUMBERS, (25,))], "tensor 1: (25,): wanted numbers up to 24 in its storage, got 24"),
        ([T(NUMBERS, (2,), (1,), 0)], "tensor 1: wanted an offset and a stride for each axis"),
        ([T(NUMBERS, (2,), (-1,), 5)], "tensor 1: wanted an offset and a stride for each axis"),
        ([T(NUMBERS, (1 << 40,), (0,))], "wanted all tensors at most 16 times the"),
        ([T(NUMBERS, (-2, -2), (1, 1))], "tensor 1: shape: wanted positive numbers"),
        ([T(NUMBERS, (1,) * 9)], "tensor: axes: wanted 0 to 8, got 9"),
        ([T(NUMBERS, kind="Double")], "tensor 1: wanted a storage of float64, got Numbers"),
        ([T(NUMBERS, count=1 << 62)], "storage: wanted as many numbers as the file has room for"),
        ([T(NUMBERS, count=-1)], "storage: wanted as many numbers as the file has room for"),
        ([T(NUMBERS, count=100)], "storage: wanted bytes"),
        (
            [T(np.empty(0, np.float32), (2,), (1,))],
            "tensor 1: wanted a storage of float32, got None",
        ),
        ([Raw(struct.pack("<3i", 3, 9, 1 << 30))], "wanted as many entries as the file has room"),
        ([Raw(struct.pack("<2i", 2, -5))], "text: bytes: wanted 0 to 1048576, got -5"),
        ([Raw(struct.pack("<2i", 2, 1 << 30))], "text: bytes: wanted 0 to 1048576"),
        ([Raw(struct.pack("<i", 9))], "value: wanted a type from 0 to 8, got 9"),
        (made([KERNEL])[:-1], "storage: wanted bytes"),
        (made([KERNEL]) + b"\0", "end: wanted the end of the file, got 1 bytes more"),
        (b"", "end: wanted 4 bytes more, got 0: the file is cut short"),
        ({"a": KERNEL, Raw(made("a")): KERNEL + 1}, "tensor a: wanted once, got twice"),
    ],
)
def test_a_lying_file_is_refused(tmp_path: Path, root: object, message: str) -> None:
    with pytest.raises(BadWeights, match=re.escape(message)) as caught:
        read(tmp_path, root)
    assert str(caught.value).startswith("a.t7: ")
