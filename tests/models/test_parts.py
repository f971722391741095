"""Large tensors come in parts that make the whole, from every reader that gives them so."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from models.readers import h5, matconvnet
from models.readers.scratch import FEW, Scratch
from models.readers.stored import PIECE
from models.readers.weights import Stored, in_memory
from tests.models.keras2_file import write

LARGE = np.random.default_rng(6).integers(0, 99, (5, 3, 1 + PIECE // 40), np.int32).astype("f4")


def from_h5(folder: Path) -> Stored:
    return h5.read(write(folder / "w.h5", {"a": {"a/w": LARGE}}))["a/w"]


def from_mat(folder: Path, *, compressed: bool = False) -> Stored:
    weights = np.empty((1, 1), object)
    weights[0, 0] = LARGE
    layers = np.empty((1, 1), object)
    layers[0, 0] = {"name": "a", "type": "conv", "weights": weights}
    path = folder / "w.mat"
    savemat(path, {"layers": layers}, do_compression=compressed)
    return matconvnet.read(path)["a/filters"]


def from_compressed_mat(folder: Path) -> Stored:
    return from_mat(folder, compressed=True)


@pytest.mark.parametrize(
    "bring", [from_h5, from_mat, pytest.param(from_compressed_mat, marks=pytest.mark.slow)]
)
def test_parts_make_the_whole(bring: Callable[[Path], Stored], tmp_path: Path) -> None:
    stored = bring(tmp_path)
    whole, count = np.full(stored.shape, np.nan, np.float32), 0
    for where, part in stored.parts():
        assert part.nbytes <= 2 * PIECE
        whole[where] = part
        count += 1
    assert count > 1
    assert np.array_equal(whole, LARGE)
    assert np.array_equal(stored.read(), LARGE)


def test_what_comes_whole_is_one_part() -> None:
    ((where, part),) = in_memory(np.arange(6).reshape(2, 3)).parts()
    assert where == (slice(0, 2), slice(0, 3))
    assert part.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("size", [10, FEW + 10])
def test_scratch_bytes_are_read_anywhere(size: int) -> None:
    scratch = Scratch()
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    scratch.write(data[:5])
    scratch.write(data[5:])
    assert scratch.size == size
    assert bytes(scratch.read(3, 4)) == data[3:7]
    assert bytes(scratch.read(size - 2, 9)) == data[-2:]
