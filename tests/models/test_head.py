"""The head of a classifier is a file of its own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models import ZOO, BadModel, BadWeights
from models.families import head
from models.families.head import Head
from models.session import open_session
from models.store import import_model

ROOT = Path(__file__).parents[2]

HEAD = Head(
    np.arange(12, dtype=np.float32).reshape(6, 2),
    np.array([1, -1], np.float32),
    ("block4_pool", "block5_pool"),
    mirror=True,
)


def test_a_head_is_read_as_it_was_written(tmp_path: Path) -> None:
    head.write(tmp_path / "a.head.npz", HEAD)
    read = head.read(tmp_path / "a.head.npz")
    assert np.array_equal(read.kernel, HEAD.kernel)
    assert np.array_equal(read.bias, HEAD.bias)
    assert (read.layers, read.mirror) == (HEAD.layers, True)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.write_bytes(b"nothing"), r"a\.head\.npz: wanted a head \(\.npz\)"),
        (lambda f: f.write_bytes(f.read_bytes()[:300]), r"wanted a head \(\.npz\)"),
        (lambda f: np.savez(f, kernel=HEAD.kernel), r"wanted a head \(\.npz\), got: 'bias"),
        (
            lambda f: np.savez(f, kernel=HEAD.kernel, bias=HEAD.bias[:1], layers=[], mirror=True),
            r"wanted a kernel \(F, classes\) and a bias \(classes,\), got \(6, 2\) and \(1,\)",
        ),
        (
            lambda f: np.savez(f, kernel=np.array([{}]), bias=1, layers=[], mirror=True),
            r"wanted a head \(\.npz\), got: Object arrays cannot be loaded",
        ),
    ],
)
def test_what_is_no_head_is_named(tmp_path: Path, spoil: object, message: str) -> None:
    file = tmp_path / "a.head.npz"
    head.write(file, HEAD)
    assert callable(spoil)
    spoil(file)
    with pytest.raises(BadWeights, match=message):
        head.read(file)


def test_a_head_wants_convolutions_and_as_many_classes_as_labels(tmp_path: Path) -> None:
    file = tmp_path / "a.head.npz"
    spec = ZOO["tomato-head"]
    with pytest.raises(BadWeights, match="wanted two files, VGG16's convolutions and the head"):
        head.convert(spec, [file])
    head.write(file, Head(HEAD.kernel[:, :1], HEAD.bias[:1], HEAD.layers, mirror=False))
    with pytest.raises(BadModel, match=r"a\.head\.npz: labels: wanted 1 \(outputs of .*, got 2"):
        head.convert(spec, [tmp_path / "vgg16.npz", file])


def test_the_trained_head_is_imported_with_its_convolutions(
    original: Callable[[str], Path], tmp_path: Path
) -> None:
    files = [original("vgg16-features"), ROOT / "models" / "trained" / "tomato.head.npz"]
    made = import_model(ZOO["tomato-head"], files, folder=tmp_path)
    session = open_session(made, device="cpu")
    session.check_against(ZOO["tomato-head"])
