"""darknet's files are read as they are meant, and refused when they are not what they should be."""

import struct
from pathlib import Path

import numpy as np
import pytest

from models import BadWeights
from models.families.yolov2_cfg import structure
from models.families.yolov2_layers import Convolution, MaxPool, Reorganise, Route
from models.readers.darknet import Convolution as InFile
from models.readers.darknet import read, read_cfg

LAYERS = (InFile("a", 2, 3, 3, True), InFile("b", 4, 2, 1, False))
COUNT = 4 * 2 + 2 * 3 * 9 + 4 + 4 * 2  # numbers of both
REGION = "[region]\nanchors=1,2\nclasses=1\nnum=1\nsoftmax=1\n"
SMALLEST = f"[net]\n[convolutional]\nfilters=6\nactivation=linear\n{REGION}"


def weights(folder: Path, head: bytes, count: int = COUNT, more: bytes = b"") -> Path:
    path = folder / "w.weights"
    path.write_bytes(head + np.arange(count, dtype="<f4").tobytes() + more)
    return path


def cfg(folder: Path, text: str) -> Path:
    path = folder / "n.cfg"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("version", "seen"),
    [((0, 1, 0), "<i"), ((0, 2, 0), "<Q"), ((0, 2, 5), "<Q"), ((1, 0, 0), "<Q"), ((0, 1, 9), "<i")],
)
def test_both_heads_are_read(tmp_path: Path, version: tuple[int, int, int], seen: str) -> None:
    file = read(weights(tmp_path, struct.pack("<iii", *version) + struct.pack(seen, 7)), LAYERS)
    assert file.notes == {"version": version, "seen": 7}
    assert list(file) == [
        "a/beta",
        "a/gamma",
        "a/mean",
        "a/variance",
        "a/kernel",
        "b/bias",
        "b/kernel",
    ]
    assert file["a/beta"].read().tolist() == [0, 1]
    assert file["a/variance"].read().tolist() == [6, 7]
    kernel = file["a/kernel"].read()
    assert (kernel.shape, kernel[1, 2, 2, 2]) == ((2, 3, 3, 3), 8 + 2 * 3 * 9 - 1)
    assert file["b/kernel"].shape == (4, 2, 1, 1)
    assert file["b/kernel"].read()[-1, -1, 0, 0] == COUNT - 1


OLD = struct.pack("<iiii", 0, 1, 0, 0)


@pytest.mark.parametrize(
    ("head", "count", "more", "why"),
    [
        (b"\0" * 15, 0, b"", "wanted a head of 16 bytes at least, got 15"),
        (struct.pack("<iiii", 0, 2, 0, 0), 0, b"", "wanted a head with a version and a count"),
        (struct.pack("<iiii", 0, -1, 0, 0), COUNT, b"", "wanted a head with a version and a count"),
        (
            OLD,
            COUNT - 1,
            b"",
            r"tensor b/kernel \(4, 2, 1, 1\): wanted bytes 280 to 312 in the file",
        ),
        (OLD, COUNT, b"\0", "end of the file: wanted 312 bytes for 2 convolutions, got 313"),
        (OLD, COUNT + 1, b"", "end of the file: wanted 312 bytes for 2 convolutions, got 316"),
        # The new head's count is four bytes longer.
        (struct.pack("<iiii", 0, 2, 0, 0), COUNT, b"", "tensor b/kernel"),
    ],
)
def test_a_file_of_another_length_is_refused(
    tmp_path: Path, head: bytes, count: int, more: bytes, why: str
) -> None:
    with pytest.raises(BadWeights, match=why):
        read(weights(tmp_path, head, count, more), LAYERS)


def test_a_file_that_became_shorter_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = weights(tmp_path, OLD)
    file = read(path, LAYERS)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(BadWeights, match="the file has become shorter"):
        file["b/kernel"].read()


def test_a_cfg_is_a_list_of_layers(tmp_path: Path) -> None:
    text = (
        "[net]\r\nwidth = 4\n; a comment\n\n[conv]\nfilters = 2\nsize=3\nstride=2\npad=1\n"
        "batch_normalize=1\nactivation=leaky\n[max]\nsize=2\nstride=2\n[reorg]\nstride=2\n"
        "[route]\nlayers = -1, 0\n[conv]\nfilters=6\nsize=5\npadding=1\nactivation=linear\n"
    )
    made = structure(read_cfg(cfg(tmp_path, text + REGION)))
    assert made.layers == (
        Convolution(2, 3, 2, 1),
        MaxPool(2),
        Reorganise(2),
        Route((2, 0)),
        Convolution(6, 5, 1, 1, batch_norm=False, activation="linear"),
    )
    assert (made.anchors, made.classes) == (((1.0, 2.0),), 1)


def test_darknets_defaults_are_ours(tmp_path: Path) -> None:
    made = structure(read_cfg(cfg(tmp_path, SMALLEST)))
    assert made.layers == (Convolution(6, 1, 1, 0, batch_norm=False, activation="linear"),)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("[net]\n", "", r"wanted 3 to 512 sections, got 2"),
        (
            "[net]\n",
            "nonsense\n",
            r"n\.cfg: line 1: wanted \[kind\] or a new key=value, got 'nonsense'",
        ),
        (
            "filters=6",
            "filters=6\nfilters=7",
            r"n\.cfg: line 4: wanted \[kind\] or a new key=value",
        ),
        (
            "filters=6",
            "filters=1e9",
            r"n\.cfg: line 3: .*: wanted numbers of filters up to 1000000",
        ),
        ("filters=6", "filters=nan", "wanted numbers of filters up to"),
        ("filters=6", "filters=6.5", "wanted whole numbers as filters, got 6.5"),
        ("filters=6", "filters=six", "wanted numbers as filters, got 'six'"),
        ("filters=6", "filters=6,7", "wanted one filters, got 2"),
        ("filters=6", "filters=0", r"wanted filters in 1\.\.16384, got 0"),
        ("filters=6", "filters=6\nsize=65", r"wanted size in 1\.\.64, got 65"),
        ("filters=6", "filters=6\nxnor=1", "wanted xnor=0, got 1"),
        ("filters=6", "filters=6\ngroups=2", "wanted groups=1, got 2"),
        (
            "filters=6",
            "filters=6\nwings=2",
            r"n\.cfg: line 4: .*: wanted a key that is known, got wings",
        ),
        ("activation=linear", "activation=swish", "wanted leaky, linear, relu as activation"),
        ("activation=linear\n", "", "as activation, got logistic"),
        ("[convolutional]", "[shortcut]", "wanted a layer among convolutional, .*, got shortcut"),
        ("[net]", "[cat]", r"wanted \[net\] first, got cat"),
        ("[region]", "[yolo]", r"wanted \[region\] last, got yolo"),
        ("[region]", "[max]\nsize=2\nstride=2\n[region]", "wanted a convolution before it"),
        ("[region]", "[max]\nsize=3\nstride=2\n[region]", "wanted size=2, got 3"),
        ("[region]", "[route]\nlayers=1\n[region]", "wanted layers before number 1, got .1,."),
        ("[region]", "[route]\nlayers=-2\n[region]", "wanted layers before number 1"),
        ("[region]", "[reorg]\nreverse=1\n[region]", "wanted reverse=0, got 1"),
        ("anchors=1,2", "anchors=1,2,3", "wanted 1 pairs of numbers above 0"),
        ("anchors=1,2", "anchors=0,2", "wanted 1 pairs of numbers above 0"),
        ("anchors=1,2\n", "", "wanted a line anchors=, got none"),
        ("softmax=1", "softmax=0", "wanted softmax=1, got 0"),
        ("softmax=1", "softmax=1\ntree=x", "wanted a key that is known, got tree"),
        ("softmax=1", "softmax=1\nbackground=1", "wanted background=0, got 1"),
        ("softmax=1", "softmax=1\ncoords=8", "wanted coords=4, got 8"),
    ],
)
def test_what_is_not_known_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    assert old in SMALLEST
    with pytest.raises(BadWeights, match=why):
        structure(read_cfg(cfg(tmp_path, SMALLEST.replace(old, new))))


def test_a_cfg_that_is_no_text_or_too_long_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.cfg"
    path.write_bytes(b"[net]\n\xff\xfe")
    with pytest.raises(BadWeights, match=r"n\.cfg: wanted text"):
        read_cfg(path)
    path.write_bytes(b"\n" * ((1 << 18) + 1))
    with pytest.raises(BadWeights, match=r"wanted at most 262144 bytes, got 262145"):
        read_cfg(path)
    path.write_bytes(b"")
    with pytest.raises(BadWeights, match=r"^n\.cfg: wanted sections such as \[net\], got none"):
        structure(read_cfg(path))
