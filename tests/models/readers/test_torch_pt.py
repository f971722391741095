"""Reading PyTorch's files, in both containers, without PyTorch."""

import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models import BadWeights
from models.readers import torch_pt
from models.readers.pickled import MOST_STEPS
from models.readers.weights import WeightFile
from tests.models.readers.torch_file import (
    START,
    STOP,
    Raw,
    T,
    legacy,
    long,
    members,
    name,
    new,
    value,
    zipped,
)

NUMBERS = np.arange(24, dtype=np.float32)
CONTAINERS = pytest.mark.parametrize("container", [new, legacy])
Container = Callable[[object], bytes]


def read(tmp_path: Path, data: bytes) -> WeightFile:
    path = tmp_path / "a.pt"
    path.write_bytes(data)
    return torch_pt.read(path)


def refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(BadWeights, match=re.escape(message)) as caught:
        read(tmp_path, data)
    assert str(caught.value).startswith("a.pt: ")


@CONTAINERS
def test_a_state_dict(tmp_path: Path, container: Container) -> None:
    state = {"conv.weight": NUMBERS.reshape(2, 3, 4), "conv.bias": np.ones(2, np.float32)}
    weights = read(tmp_path, container(state))
    assert list(weights) == ["conv.weight", "conv.bias"]
    assert weights["conv.weight"].shape == (2, 3, 4)
    assert np.array_equal(weights["conv.weight"].read(), state["conv.weight"])


@CONTAINERS
@pytest.mark.parametrize("wrapper", ["model", "state_dict"])
def test_what_a_training_script_saves(tmp_path: Path, container: Container, wrapper: str) -> None:
    state = {"module.a": NUMBERS, "module.b": np.array(7)}
    beside = {"epoch": 3, "best": 0.5, "optimizer": {"state": {0: {"exp_avg": np.ones(3)}}}}
    weights = read(tmp_path, container({**beside, wrapper: state}))
    assert list(weights) == ["a", "b"]
    assert weights["b"].read().shape == ()
    assert weights.notes == {"epoch": 3, "best": 0.5, "passed_over": ("optimizer",)}


@CONTAINERS
def test_numbers_beside_tensors(tmp_path: Path, container: Container) -> None:
    weights = read(tmp_path, container({"a": NUMBERS, "step": 9}))
    assert list(weights) == ["a"]
    assert weights.notes["step"] == 9


def test_module_is_only_stripped_if_all_names_have_it(tmp_path: Path) -> None:
    assert list(read(tmp_path, new({"module.a": NUMBERS, "b": NUMBERS}))) == ["module.a", "b"]


@CONTAINERS
@pytest.mark.parametrize(
    "dtype", ["float16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"]
)
def test_dtypes(tmp_path: Path, container: Container, dtype: str) -> None:
    array = np.array([[1, 0], [3, 100]]).astype(dtype)
    found = read(tmp_path, container({"a": array}))["a"]
    wanted = array.astype(np.float32) if array.dtype.kind == "f" else array
    assert found.dtype == found.read().dtype.name == wanted.dtype.name
    assert np.array_equal(found.read(), wanted)


@CONTAINERS
def test_views_of_one_storage(tmp_path: Path, container: Container) -> None:
    state = {
        "turned": T(NUMBERS, (4, 3), (1, 4), 12),
        "row": T(NUMBERS, (4,), (1,), 4),
        "spread": T(NUMBERS, (3, 2), (0, 1), 7),
        "last": T(NUMBERS, (), (), 23),
    }
    weights = read(tmp_path, container(state))
    assert np.array_equal(weights["turned"].read(), NUMBERS[12:].reshape(3, 4).T)
    assert weights["row"].read().tolist() == [4, 5, 6, 7]
    assert weights["spread"].read().tolist() == [[7, 8]] * 3
    assert weights["last"].read() == 23


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (T(NUMBERS, (25,), (1,)), "tensor a: (25,): wanted numbers up to 24 in its storage"),
        (T(NUMBERS, (2, 2), (1, 23)), "tensor a: (2, 2): wanted numbers up to 24"),
        (T(NUMBERS, (1,), (1,), 24), "tensor a: (1,): wanted numbers up to 24"),
        (T(NUMBERS, (2,), (1,), -1), "tensor a: wanted an offset and a stride for each axis"),
        (T(NUMBERS, (2,), (-1,), 3), "wanted whole numbers from 0, got others"),
        (T(NUMBERS, (2, 2), (1,)), "tensor a: wanted an offset and a stride for each axis"),
        (T(NUMBERS, (1,) * 9, (1,) * 9), "tensor a: axes: wanted at most 8, got 9"),
        (T(NUMBERS, (0, 3), (3, 1)), "tensor a: shape: wanted positive numbers, got (0, 3)"),
        (T(NUMBERS, (1 << 40,), (0,)), "wanted all tensors at most 16 times the"),
        (T(NUMBERS, count=25), "wanted 25"),
        (T(NUMBERS, key="no such"), "wanted a"),
    ],
)
@CONTAINERS
def test_a_lying_tensor_is_refused(
    tmp_path: Path, container: Container, tensor: T, message: str
) -> None:
    data = container({"a": tensor, "b": NUMBERS})
    if container is new or tensor.key is None:
        refused(tmp_path, data, message)


@CONTAINERS
@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (name("os", "system") + value(("touch /tmp/pwned",), {}) + b"R", "the class os system"),
        (name("builtins", "eval") + value(("1",), {}) + b"R", "the class builtins eval"),
        (b"\x8c\x02os\x8c\x06system\x93)R", "the class os system"),
        (b"(ios\nsystem\n", "wanted steps that make tensors, dicts and numbers, got INST"),
        (name("torch", "FloatStorage") + b")\x81", "got NEWOBJ"),
        (name("torch", "FloatStorage") + b")R", "wanted torch FloatStorage of what belongs to it"),
        (
            name("torch", "FloatStorage") + value({"a": 1}, {}) + b"b",
            "wanted attributes of a state",
        ),
        (value("a", {}) + b"Q", "wanted a storage of 5 parts, got a str of 0"),
        (b"\x82\x01", "wanted steps that make tensors, dicts and numbers, got EXT1 1"),
        (b"h\x07", "got BINGET 7"),
        (long(1 << 200), "wanted numbers of at most 80 bits"),
        (b"(}]Nu", "a dict"),
        (b"]]s", "wanted"),
        (value({"a": 1}, {})[:-1] + value("a", {}) + b"Nu", "wanted 'a' once, got twice"),
        (b"}(NNu", "wanted keys that are text or whole numbers, got NoneType"),
        (b"0", "got POP"),
        (b"I7\n", "got INT 7"),
        (b"c\\\xbe\na\n", "a line with a backslash"),
        (b"X\xff\xff\xff\x7f", "a step with 2147483647 bytes"),
        (b"\x8e" + struct.pack("<Q", 1 << 62), "a step with 4611686018427387904 bytes"),
    ],
)
def test_a_pickle_can_only_make_data(
    tmp_path: Path, container: Container, steps: bytes, message: str
) -> None:
    refused(tmp_path, container({"a": NUMBERS, "b": Raw(steps)}), message)
    assert not Path("/tmp/pwned").exists()


def laughs(depth: int) -> bytes:
    """A tuple of a tuple twice, of another twice, and so on: small until it is printed."""
    return b")" + b"q\0h\0\x86" * depth


@CONTAINERS
def test_values_that_are_long_to_print_are_not_printed(
    tmp_path: Path, container: Container
) -> None:
    persistent = Raw(b"(" + laughs(100_000) + b"NNNNtQ")
    refused(tmp_path, container({"a": NUMBERS, "b": persistent}), "wanted a storage of 5 parts")
    named = Raw(laughs(50) * 2 + b"\x93")
    refused(tmp_path, container({"a": NUMBERS, "b": named}), "wanted a name that is text")
    beside = {"model": {"a": NUMBERS}, "b": Raw(laughs(50))}
    assert read(tmp_path, container(beside)).notes["passed_over"] == ("b",)


@CONTAINERS
def test_pairs_that_fill_dicts_again_and_again_are_refused(
    tmp_path: Path, container: Container
) -> None:
    pairs = b"](" + b"".join(b"J" + struct.pack("<i", i) + b"N\x86" for i in range(1000)) + b"e"
    again = b"(ccollections\nOrderedDict\nq\0" + pairs + b"\x85q\1" + b"h\0h\1R" * 600 + b"t"
    refused(tmp_path, container({"a": NUMBERS, "b": Raw(again)}), "at most 500000 items of dicts")


@CONTAINERS
def test_a_shape_is_short(tmp_path: Path, container: Container) -> None:
    good = value(T(NUMBERS, key="0"), {})
    shape = value((24,), {})
    tensor = Raw(good.replace(shape, value((1,) * 65, {})))
    refused(tmp_path, container({"a": NUMBERS, "b": tensor}), "wanted at most 64 numbers, got 65")


@CONTAINERS
def test_a_shape_is_of_numbers(tmp_path: Path, container: Container) -> None:
    good = value(T(NUMBERS, key="0"), {})
    shape = value((24,), {})
    assert good.count(shape) == 1
    tensor = Raw(good.replace(shape, laughs(50)))
    refused(tmp_path, container({"a": NUMBERS, "b": tensor}), "wanted whole numbers from 0")


def test_a_pickle_of_many_steps_is_refused(tmp_path: Path) -> None:
    data = START + b"N" * (MOST_STEPS + 2)
    refused(tmp_path, data, "magic number: wanted at most 500000 steps, got more")


def test_a_pickle_of_many_bytes_is_refused(tmp_path: Path) -> None:
    text = b"X" + struct.pack("<I", 1 << 20) + bytes(1 << 20)
    refused(tmp_path, START + text * 65, "wanted a whole pickle, got more than 67108864 bytes")


def test_an_ordered_dict_as_python_2_wrote_it(tmp_path: Path) -> None:
    key, tensor = value("a", {}), value(T(NUMBERS, key="0"), {})
    pair = b"](" + key + tensor + b"e"
    root = name("collections", "OrderedDict") + b"](" + pair + b"e\x85R"
    parts = members({"a": NUMBERS}) | {"data.pkl": START + root + STOP}
    assert list(read(tmp_path, zipped(parts))) == ["a"]


def test_a_parameter_is_its_tensor(tmp_path: Path) -> None:
    inside = value(T(NUMBERS, key="0"), {}) + b"\x88" + value({}, {})
    steps = name("torch._utils", "_rebuild_parameter") + b"(" + inside + b"tR"
    root = value({"a": Raw(steps)}, {})
    parts = members({"a": NUMBERS}) | {"data.pkl": START + root + STOP}
    assert np.array_equal(read(tmp_path, zipped(parts))["a"].read(), NUMBERS)


@CONTAINERS
@pytest.mark.parametrize(
    ("root", "message"),
    [
        ([1, 2], "wanted a dict of tensors, got list"),
        ({"epoch": 3}, "wanted a dict of tensors, got one without any"),
        ({"a": NUMBERS, "b": [1]}, "tensor b: wanted a tensor, got list"),
        ({"model": {"a": 3}}, "tensor a: wanted a tensor, got int"),
        ({"model": {"a": NUMBERS}, "state_dict": {"a": NUMBERS}}, "wanted one of"),
    ],
)
def test_something_else_than_a_state_dict(
    tmp_path: Path, container: Container, root: object, message: str
) -> None:
    refused(tmp_path, container(root), message)


def test_names_that_become_the_same_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, new({1: NUMBERS, "1": NUMBERS}), "tensor 1: wanted once, got twice")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"byteorder": b"big"}, "byteorder: wanted little, got b'big'"),
        ({"constants.pkl": b"."}, "wanted a state dict, got a TorchScript program"),
        ({"data/0": b"1234"}, "tensor a: wanted 24 float32, got 4 bytes"),
        ({"x/data.pkl": b"."}, "archive: wanted one data.pkl, got 2"),
    ],
)
def test_a_lying_archive_is_refused(tmp_path: Path, change: dict[str, bytes], message: str) -> None:
    refused(tmp_path, zipped(members({"a": NUMBERS}) | change), message)


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    data = zipped(members({"a": np.zeros(1000)}), zipfile.ZIP_DEFLATED)
    refused(tmp_path, data, "wanted a member that is not compressed")


def test_a_member_named_twice_is_refused(tmp_path: Path) -> None:
    parts = members({"a": NUMBERS})
    data = zipped({**parts, "data/X": parts["data/0"]}).replace(b"data/X", b"data/0")
    refused(tmp_path, data, "member archive/data/0: wanted once, got twice")


def test_numbers_that_were_changed_are_noticed(tmp_path: Path) -> None:
    data = new({"a": NUMBERS}).replace(NUMBERS.tobytes(), NUMBERS[::-1].tobytes())
    refused(tmp_path, data, "archive/data/0: wanted bytes with the sum")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (legacy({"a": NUMBERS}, little=False), "system: wanted little-endian numbers"),
        (legacy({"a": NUMBERS}, version=1000), "version: wanted 1001, got 1000"),
        (legacy({"a": NUMBERS}) + b"\0", "end: wanted the file to end at"),
        (legacy({"a": NUMBERS})[:-1], "storage 0: wanted bytes"),
        (START + b"K\x07" + STOP, "magic number: wanted 0x1950a86a20f9469cfc6c, got 7"),
        (b"", "magic number: wanted a whole pickle"),
        (b"GIF89a", "magic number: wanted a whole pickle"),
    ],
)
def test_a_lying_legacy_file_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    refused(tmp_path, data, message)
