"""The head of a classifier is a file of its own."""

from collections.abc import Callable
from dataclasses import replace
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


def save(file: Path, **changed: np.ndarray) -> None:
    """HEAD in a file, with other arrays in place of some."""
    arrays = {
        "kernel": HEAD.kernel,
        "bias": HEAD.bias,
        "layers": np.array(HEAD.layers),
        "mirror": np.array(HEAD.mirror),
    }
    np.savez(file, **arrays | changed)


def test_a_head_is_read_as_it_was_written(tmp_path: Path) -> None:
    head.write(tmp_path / "a.head.npz", HEAD)
    read = head.read(tmp_path / "a.head.npz")
    assert np.array_equal(read.kernel, HEAD.kernel)
    assert np.array_equal(read.bias, HEAD.bias)
    assert (read.layers, read.mirror) == (HEAD.layers, True)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.write_bytes(b"nothing"), "archive: wanted a readable zip archive, got"),
        (lambda f: f.write_bytes(f.read_bytes()[:300]), "archive: wanted a readable zip archive"),
        (
            lambda f: np.savez(f, kernel=HEAD.kernel),
            "arrays: wanted bias, kernel, layers, mirror, of a head, got kernel$",
        ),
        (lambda f: save(f, more=HEAD.bias), "arrays: wanted bias, .*, got bias, .*, more$"),
        (
            lambda f: save(f, bias=HEAD.bias[:1]),
            r"wanted a kernel \(F, classes\) and a bias \(classes,\), got \(6, 2\) and \(1,\)",
        ),
        (
            lambda f: save(f, kernel=np.full((6, 2), np.inf)),
            "wanted finite numbers, got nan",
        ),
        (lambda f: save(f, kernel=np.array([{}])), "kernel: dtype: wanted float16.*, got .O"),
        (lambda f: save(f, layers=np.arange(2)), "layers: dtype: wanted text, got <i8"),
        (lambda f: save(f, layers=np.array([["a"]])), r"layers: shape: wanted a list, got \(1, 1"),
        (lambda f: save(f, layers=np.array(["a", "a"])), "layers: wanted each once, got one twice"),
        (lambda f: save(f, mirror=np.array([True])), r"mirror: wanted one bool, got \(1,\) bool"),
        (
            lambda f: np.savez_compressed(f, kernel=np.zeros((1 << 24, 2), np.float32)),
            "all tensors at most 16 times the .* bytes of the file",
        ),
    ],
)
def test_what_is_no_head_is_named(tmp_path: Path, spoil: object, message: str) -> None:
    file = tmp_path / "a.head.npz"
    head.write(file, HEAD)
    assert callable(spoil)
    spoil(file)
    with pytest.raises(BadWeights, match=rf"^a\.head\.npz: .*{message}"):
        head.read(file)


def test_a_head_on_the_last_layer_names_none(tmp_path: Path) -> None:
    head.write(tmp_path / "a.head.npz", replace(HEAD, layers=()))
    assert head.read(tmp_path / "a.head.npz").layers == ()


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
