"""Reading .npz archives that NumPy wrote."""

import io
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from models import BadWeights
from models.readers import npz
from models.readers.weights import WeightFile
from tests.models.data import shared

ARRAYS = {
    "kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "half": np.array([1.5, -2], np.float16),
    "n": np.array(7),
    "yes": np.array([True, False]),
    "big": np.array([1, 258], ">i2"),
}


def read(tmp_path: Path, data: bytes) -> WeightFile:
    path = tmp_path / "a.npz"
    path.write_bytes(data)
    return npz.read(path)


def saved(arrays: dict[str, np.ndarray], *, compressed: bool = False) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_come_as_they_were_saved(tmp_path: Path, compressed: bool) -> None:
    weights = read(tmp_path, saved(ARRAYS, compressed=compressed))
    assert list(weights) == list(ARRAYS)
    for name, wanted in ARRAYS.items():
        found = weights[name].read()
        dtype = "float32" if wanted.dtype.kind == "f" else wanted.dtype.newbyteorder("=").name
        assert weights[name].dtype == found.dtype.name == dtype
        assert weights[name].shape == found.shape == wanted.shape
        assert np.array_equal(found, wanted)


def npy(header: str, numbers: bytes = b"", version: bytes = b"\1\0") -> bytes:
    raw = header.encode() + b"\n"
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(raw))
    return b"\x93NUMPY" + version + length + raw + numbers


HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"


def test_later_versions_of_headers(tmp_path: Path) -> None:
    data = archive({"a.npy": npy(HEADER, np.ones(2, np.float32).tobytes(), b"\3\0")})
    assert read(tmp_path, data)["a"].read().tolist() == [1, 1]


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (npy(HEADER, bytes(7)), "tensor a: (2,) float32: wanted 8 bytes, got 7"),
        (npy(HEADER, bytes(9)), "tensor a: (2,) float32: wanted 8 bytes, got 9"),
        (npy(HEADER.replace("<f4", "|O"), bytes(8)), "tensor a: dtype: wanted float16"),
        (npy(HEADER.replace("<f4", "<U2"), bytes(16)), "tensor a: dtype: wanted float16"),
        (npy(HEADER.replace("<f4", "<c8"), bytes(16)), "tensor a: dtype: wanted float16"),
        (npy(HEADER.replace("<f4", "<f3"), bytes(16)), "tensor a: dtype: wanted float16"),
        (npy(HEADER.replace("<f4", "<a4"), bytes(16)), "tensor a: dtype: wanted float16"),
        (npy(HEADER.replace("(2,)", "(-2,)"), bytes(8)), "tensor a: wanted a header as NumPy"),
        (npy(HEADER.replace("(2,)", "(0,)")), "tensor a: shape: wanted positive numbers"),
        (npy(HEADER.replace("2", "9" * 19)), "wanted all tensors at most 16 times"),
        (npy(HEADER.replace("(2,)", "(__import__('os'),)")), "wanted a header as NumPy writes it"),
        (npy("(" * 9000), "wanted a header as NumPy writes it"),
        (npy(HEADER, bytes(8), b"\4\0"), "wanted a .npy file of version 1 to 3"),
        (npy(HEADER)[:9], "tensor a: wanted a header, got 9 bytes"),
        (b"", "tensor a: wanted a .npy file of version 1 to 3"),
    ],
)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_lying_array_is_refused(
    tmp_path: Path, member: bytes, message: str, compression: int
) -> None:
    with pytest.raises(BadWeights, match=re.escape(message)) as caught:
        read(tmp_path, archive({"a.npy": member}, compression))
    assert str(caught.value).startswith("a.npz: ")


def test_a_pickled_array_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="tensor a: dtype: wanted float16, float32"):
        read(tmp_path, saved({"a": np.array([{}], object)}))


def test_zeros_that_swell_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="wanted all tensors at most 16 times"):
        read(tmp_path, saved({"a": np.zeros(1 << 20)}, compressed=True))


def test_a_member_named_twice_is_refused(tmp_path: Path) -> None:
    data = saved({"a": np.ones(2), "b": np.ones(2)}).replace(b"b.npy", b"a.npy")
    with pytest.raises(BadWeights, match=r"member a\.npy: wanted once, got twice"):
        read(tmp_path, data)


def test_a_member_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=r"member a\.txt: wanted a name that ends in \.npy"):
        read(tmp_path, archive({"a.txt": b""}))


@pytest.mark.parametrize("compressed", [False, True])
def test_numbers_that_were_changed_are_noticed(tmp_path: Path, compressed: bool) -> None:
    data = bytearray(saved({"a": np.arange(1000.0) ** 0.5}, compressed=compressed))
    data[2000] ^= 1
    with pytest.raises(BadWeights, match="tensor a: wanted"):
        read(tmp_path, bytes(data))["a"].read()


@pytest.mark.parametrize("data", [b"", b"PK\3\4", b"GIF89a" * 10, saved(ARRAYS)[:-1]])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadWeights, match="archive: wanted a readable zip archive"):
        read(tmp_path, data)


def test_the_weights_of_vgg16() -> None:
    path = shared("weights_vgg16_notop/vgg16_imagenet_notop_fp16.npz")
    weights = npz.read(path)
    assert sum(int(np.prod(stored.shape)) for stored in weights.values()) == 14_714_688
    with np.load(path) as file:
        for name, stored in weights.items():
            assert np.array_equal(stored.read(), file[name].astype(np.float32))


TEXT = HEADER.replace("<f4", "<U2")


def test_text_is_read_under_the_names_that_it_may_have(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(saved({"names": np.array(["ein", "é"]), "none": np.array((), np.str_)}))
    found = npz.read(path, texts={"names", "none"})
    assert found.notes["texts"] == {"names": ("ein", "é"), "none": ()}
    assert not found


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (npy(TEXT, bytes(15)), r"tensor a: \(2,\) <U2: wanted 16 bytes, got 15"),
        (npy(TEXT, b"\xff" * 16), "tensor a: wanted text, got"),
        (
            npy(TEXT.replace("2,", "2, 1"), bytes(16)),
            "tensor a: shape: wanted a list",
        ),
        (npy(TEXT.replace("2,", f"{10**9},")), "tensor a: length: wanted at most 20000"),
        (
            npy(TEXT.replace("U2", "U9999").replace("2,", "99,")),
            "tensor a: bytes: wanted at most",
        ),
        (npy(HEADER, bytes(8)), "tensor a: dtype: wanted text, got <f4"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, member: bytes, message: str) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(archive({"a.npy": member}))
    with pytest.raises(BadWeights, match=rf"a\.npz: {message}"):
        npz.read(path, texts={"a"})
