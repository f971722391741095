"""Reading weights of Keras 2 from HDF5 files that h5py wrote."""

import re
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from models import BadWeights
from models.readers import h5
from tests.models.readers.h5_file import SMALL, fill, write, write_whole

KERNEL = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_names_are_those_of_the_file_without_doubled_layers(tmp_path: Path) -> None:
    weights = h5.read(write(tmp_path / "a.h5"))
    assert list(weights) == ["conv1/kernel", "conv1/bias", "vgg16/block1/kernel"]
    assert weights.notes["layers"] == ("input_1", "conv1", "vgg16")


@pytest.mark.parametrize("chunks", [None, (2, 2), (1, 3)])
def test_numbers_come_as_they_were_written(tmp_path: Path, chunks: tuple[int, int] | None) -> None:
    weights = h5.read(write(tmp_path / "a.h5", chunks=chunks and tuple(chunks)))
    for layer, tensors in SMALL.items():
        for name, wanted in tensors.items():
            found = weights[f"{layer}/{name.removeprefix(f'{layer}/').removesuffix(':0')}"]
            assert (found.shape, found.dtype) == (wanted.shape, "float32")
            assert np.array_equal(found.read(), wanted.astype(np.float32))


@pytest.mark.parametrize("dtype", ["int64", "uint8", ">i2", ">f4", "<f8", "float16"])
def test_integers_stay_and_floating_point_becomes_float32(tmp_path: Path, dtype: str) -> None:
    array = np.array([[1, 2], [3, 100]], dtype)
    found = h5.read(write(tmp_path / "a.h5", {"a": {"a/x:0": array}}))["a/x"]
    wanted = "float32" if array.dtype.kind == "f" else array.dtype.newbyteorder("=").name
    assert found.dtype == found.read().dtype.name == wanted
    assert found.read().tolist() == [[1, 2], [3, 100]]


def test_a_file_of_a_whole_model_gives_its_weights(tmp_path: Path) -> None:
    weights = h5.read(write_whole(tmp_path / "a.h5"))
    assert list(weights) == list(h5.read(write(tmp_path / "b.h5")))
    assert weights.notes["keras_version"] == "2.2.4"


def test_names_may_be_text_of_any_length(tmp_path: Path) -> None:
    assert "conv1/bias" in h5.read(write(tmp_path / "a.h5", text=True))


def test_a_list_of_names_may_be_split(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        names = file["conv1"].attrs["weight_names"]
        del file["conv1"].attrs["weight_names"]
        for i, name in enumerate(names):
            file["conv1"].attrs[f"weight_names{i}"] = np.array([name])
    assert list(h5.read(path))[:2] == ["conv1/kernel", "conv1/bias"]


def test_many_layers(tmp_path: Path) -> None:
    layers = {f"layer{i}": {f"layer{i}/kernel:0": KERNEL + i} for i in range(300)}
    weights = h5.read(write(tmp_path / "a.h5", layers))
    assert list(weights) == [f"layer{i}/kernel" for i in range(300)]
    assert np.array_equal(weights["layer299/kernel"].read(), KERNEL + 299)


def test_a_layers_name_may_be_a_path(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", {"fc6": {"fc6/kernel:0": KERNEL}, "fc6/relu": {}})
    assert list(h5.read(path)) == ["fc6/kernel"]


def test_small_tensors_may_lie_in_the_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", {"a": {}})
    with h5py.File(path, "a") as file:
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((2,))
        kind = h5py.h5t.IEEE_F32LE
        h5py.h5d.create(file["a"].id, b"x:0", kind, space, made).write(
            h5py.h5s.ALL, h5py.h5s.ALL, np.array([1, 2], np.float32)
        )
        file["a"].attrs["weight_names"] = np.array([b"x:0"])
    assert h5.read(path)["a/x"].read().tolist() == [1, 2]


def no_names(file: h5py.File) -> None:
    del file.attrs["layer_names"]


def no_weights(file: h5py.File) -> None:
    del file["conv1"].attrs["weight_names"]


def a_layer_twice(file: h5py.File) -> None:
    file.attrs["layer_names"] = np.array([b"conv1", b"conv1"])


def another_group(file: h5py.File) -> None:
    file.create_group("conv2")


def another_tensor(file: h5py.File) -> None:
    file["conv1"]["more:0"] = KERNEL


def a_missing_tensor(file: h5py.File) -> None:
    del file["conv1/conv1/bias:0"]


def a_tensor_named_twice(file: h5py.File) -> None:
    del file["conv1/conv1/kernel:0"]
    file["conv1"]["conv1/bias"] = KERNEL
    file["conv1"].attrs["weight_names"] = np.array([b"conv1/bias:0", b"conv1/bias"])


def replaced(file: h5py.File, made: object) -> None:
    del file["conv1/conv1/bias:0"]
    file["conv1/conv1/bias:0"] = made


def a_soft_link(file: h5py.File) -> None:
    replaced(file, h5py.SoftLink("/vgg16/block1/kernel:0"))


def an_external_link(file: h5py.File) -> None:
    replaced(file, h5py.ExternalLink("/etc/other.h5", "/x"))


def objects(file: h5py.File) -> None:
    replaced(file, np.array(["a", "b"], object))


def complex_numbers(file: h5py.File) -> None:
    replaced(file, np.ones(2, np.complex64))


def nothing(file: h5py.File) -> None:
    replaced(file, h5py.Empty("f4"))


def never_written(file: h5py.File) -> None:
    del file["conv1/conv1/bias:0"]
    file["conv1"].create_dataset("conv1/bias:0", (1 << 40,), "f4")


def missing_chunks(file: h5py.File) -> None:
    del file["conv1/conv1/bias:0"]
    made = file["conv1"].create_dataset("conv1/bias:0", (8,), "f4", chunks=(4,))
    made[:4] = 1


def zeros_that_swell(file: h5py.File) -> None:
    del file["conv1/conv1/bias:0"]
    zeros = np.zeros(1 << 20, np.float32)
    file["conv1"].create_dataset("conv1/bias:0", data=zeros, compression="gzip")


def another_filter(file: h5py.File) -> None:
    del file["conv1/conv1/bias:0"]
    file["conv1"].create_dataset("conv1/bias:0", data=KERNEL, compression="lzf")


def in_another_file(file: h5py.File) -> None:
    del file["conv1/conv1/bias:0"]
    outside = [("/etc/hostname", 0, 8)]
    file["conv1"].create_dataset("conv1/bias:0", (2,), "f4", external=outside)


def virtual(file: h5py.File) -> None:
    del file["conv1/conv1/bias:0"]
    layout = h5py.VirtualLayout((2,), "f4")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "x", (2,))
    file["conv1"].create_virtual_dataset("conv1/bias:0", layout)


def a_group_in_itself(file: h5py.File) -> None:
    inside = file["conv1"].create_group("inside")
    inside["inside"] = inside


def another_layer_in_a_layer(file: h5py.File) -> None:
    file["conv1"].create_group("inside").attrs["weight_names"] = np.array([b"x:0"])


def a_wide_shape(file: h5py.File) -> None:
    replaced(file, np.ones((1,) * 9, np.float32))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (no_names, "attribute layer_names: wanted a list of layers, got none"),
        (no_weights, "layer conv1: attribute weight_names: wanted a list, got none"),
        (a_layer_twice, "layer conv1: wanted once, got twice"),
        (another_group, "groups: wanted those in layer_names, got conv2"),
        (another_tensor, "layer conv1: wanted the tensors in weight_names, got more:0"),
        (a_missing_tensor, "layer conv1: tensor conv1/bias:0: wanted one, got none"),
        (a_tensor_named_twice, "tensor conv1/bias: wanted once, got twice"),
        (a_soft_link, "bias:0: wanted a part of this file, got a link"),
        (an_external_link, "layer conv1/conv1: wanted a group with a symbol table, got one of a"),
        (objects, "tensor conv1/bias: wanted float16, float32, float64 or integers, got class 9"),
        (complex_numbers, "tensor conv1/bias: wanted float16, float32, float64 or integers"),
        (nothing, "tensor conv1/bias: wanted numbers, got none"),
        (never_written, "tensor conv1/bias: wanted its numbers in this file, got none"),
        (missing_chunks, "tensor conv1/bias: wanted 2 chunks, got 1"),
        (zeros_that_swell, "tensor conv1/bias: (1048576,) float32: wanted all tensors at most 16"),
        (another_filter, "tensor conv1/bias: wanted deflate or shuffle for a filter, got number"),
        (in_another_file, "tensor conv1/bias: wanted its numbers in this file, got in another"),
        (virtual, "tensor conv1/bias: wanted layout of version 3, in this file, got version 4"),
        (a_group_in_itself, "wanted groups at most 16 deep, got one in itself"),
        (another_layer_in_a_layer, "layer conv1: group inside: wanted one in layer_names"),
        (a_wide_shape, "tensor conv1/bias: axes: wanted at most 8, got 9"),
    ],
)
def test_a_lying_file_is_refused(
    tmp_path: Path, change: Callable[[h5py.File], None], message: str
) -> None:
    path = write(tmp_path / "lying.h5")
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(BadWeights, match=re.escape(message)) as caught:
        h5.read(path)
    assert str(caught.value).startswith("lying.h5: ")


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadWeights, match=r"the file that it describes: wanted bytes 0 to"):
        h5.read(path)


def test_a_file_that_becomes_shorter_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", {"a": {"x:0": np.ones(1000, np.float32)}})
    stored = h5.read(path)["a/x"]
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(BadWeights, match="tensor a/x: wanted 4000 bytes"):
        stored.read()


def test_a_name_that_is_a_long_text_is_refused(tmp_path: Path) -> None:
    """Any number of names may point at one text: it is not brought in for each."""
    path = write(tmp_path / "a.h5", text=True)
    with h5py.File(path, "a") as file:
        file.attrs["layer_names"] = ["x" * 1001, "conv1"]
    with pytest.raises(BadWeights, match="layer_names: bytes of text: wanted at most 1000, got 10"):
        h5.read(path)


def test_chunks_that_lie_on_each_other_are_refused(tmp_path: Path) -> None:
    numbers = np.random.default_rng(1).random((4, 1000), np.float32)
    path = write(tmp_path / "a.h5", {"a": {"a/x:0": numbers}}, chunks=(1, 1000))
    assert np.array_equal(h5.read(path)["a/x"].read(), numbers)
    data = bytearray(path.read_bytes())
    # A leaf of a tree of chunks: 24 bytes, then for each its length, mask, three places, address.
    leaf = data.index(b"TREE\1\0") + 24
    for key in range(leaf, leaf + 4 * 40, 40):
        (address,) = struct.unpack_from("<Q", data, key + 32)
        struct.pack_into("<I", data, key, len(data) - address)
    path.write_bytes(data)
    with pytest.raises(BadWeights, match="tensor a/x: bytes of chunks: wanted at most"):
        h5.read(path)


def test_files_of_keras_3_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_group("layers/dense/vars")["0"] = KERNEL
    with pytest.raises(BadWeights, match=r"this is a \.weights\.h5 file of Keras 3"):
        h5.read(path)


def test_later_versions_of_the_format_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        fill(file, SMALL)
    with pytest.raises(BadWeights, match="superblock: version: wanted 0 or 1"):
        h5.read(path)
