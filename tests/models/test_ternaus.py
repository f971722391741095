"""The surgical networks: the numbers of the original PyTorch code, from files as it writes them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from models import ZOO, BadModel, BadWeights, Input, ModelSpec
from models.export.convert import convert
from models.families import ternaus
from models.readers import torch_pt
from models.session import open_session
from tests.models.emitted import emitted, normalised
from tests.models.parity import difference
from tests.models.state_dict_file import write
from tests.models.ternaus_state import LABELS, SIZE, pictures, sample, state

TOLERANCE = 1e-4
VARIANTS = [
    pytest.param("unet11", marks=pytest.mark.slow),
    "unet16",
    "linknet34",
    pytest.param("albunet34", marks=pytest.mark.slow),
]
SURGICAL = [
    pytest.param(name, marks=[] if name.endswith("-binary") else [pytest.mark.slow])
    for name in ZOO
    if name.startswith("ternaus-")
]
TASKS = {2: "binary", 4: "parts", 8: "instruments"}


def spec_of(variant: str) -> ModelSpec:
    """The golden one, at the size of its pictures."""
    known = ZOO[f"ternaus-{variant}-{TASKS[LABELS[variant]]}"]
    height, width = SIZE
    return replace(known, input=replace(known.input, height=height, width=width))


def golden(variant: str) -> dict[str, np.ndarray]:
    """See golden/make_ternaus.py."""
    with np.load(Path(__file__).parent / "golden" / "ternaus.npz") as file:
        kinds = ("names", "shapes", "aliases", "output")
        return {kind: file[f"{variant}/{kind}"] for kind in kinds}


@lru_cache(maxsize=2)
def original_state(variant: str) -> Mapping[str, np.ndarray]:
    """The original's state dict, with what it holds twice."""
    recorded = golden(variant)
    names = recorded["names"].tolist()
    shapes = [tuple(map(int, shape.split())) for shape in recorded["shapes"].tolist()]
    aliases = dict(zip(names, recorded["aliases"].tolist(), strict=True))
    return state(
        dict(zip(names, shapes, strict=True)), {a: first for a, first in aliases.items() if first}
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_says_what_the_original_says(variant: str, tmp_path: Path) -> None:
    spec = spec_of(variant)
    network = ternaus.build(spec)
    write(tmp_path / "original.pt", original_state(variant))
    weights = ternaus.load(spec, torch_pt.read(tmp_path / "original.pt"), network)
    weights.assign(network)
    wanted = np.asarray(network(normalised(pictures(), spec.input), training=False))
    assert difference(sample(wanted), golden(variant)["output"]) < TOLERANCE
    session = emitted(network, weights, spec.input, tmp_path)
    for count in (1, 3):
        got = session.run({"image": pictures()[:count]})["y"].transpose(0, 2, 3, 1)
        assert difference(got, wanted[:count]) < TOLERANCE


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_converted_file_says_classes_and_how_sure(variant: str, tmp_path: Path) -> None:
    spec = spec_of(variant)
    write(tmp_path / "original.pt", original_state(variant))
    path = tmp_path / "ternaus.onnx"
    with path.open("wb") as file:
        convert(spec, [tmp_path / "original.pt"]).write(file, {})
    session = open_session(path, device="cpu")
    session.check_against(spec)
    got = {name: sample(array) for name, array in session.run({"image": pictures()}).items()}
    wanted = golden(variant)["output"]
    if len(spec.labels) == 2:
        there = 1 / (1 + np.exp(-wanted[..., 0].astype(np.float64)))
        classes = there > ternaus.THRESHOLD
        sure = np.where(classes, there, 1 - there)
    else:
        classes, sure = wanted.argmax(axis=3), np.exp(wanted.max(axis=3))
    agree = got["classes"] == classes
    assert agree.mean() > 0.99
    assert np.abs(got["scores"] - np.rint(sure * 255))[agree].max() <= 1


def test_what_a_file_holds_twice_is_named(tmp_path: Path) -> None:
    spec = spec_of("unet16")
    write(tmp_path / "original.pt", original_state("unet16"))
    weights = ternaus.load(spec, torch_pt.read(tmp_path / "original.pt"), ternaus.build(spec))
    assert len(weights.unused) == 26  # 13 convolutions, kernel and bias
    assert weights.unused["conv1.0.weight"] == "the same tensor as encoder.0.weight"
    assert weights.unused["conv5.4.bias"] == "the same tensor as encoder.28.bias"


def test_what_a_file_holds_twice_must_be_equal(tmp_path: Path) -> None:
    tensors = dict(original_state("unet16"))
    tensors["conv1.0.bias"] = tensors["conv1.0.bias"] + 1
    write(tmp_path / "lying.pt", tensors)
    message = r"lying\.pt: tensor conv1\.0\.bias: wanted the numbers of encoder\.0\.bias"
    with pytest.raises(BadWeights, match=message):
        convert(spec_of("unet16"), [tmp_path / "lying.pt"])


@pytest.mark.parametrize(
    ("outputs", "labels", "held"), [(1, "abc", 2), (8, "ab", 8), (4, "abc", 4)]
)
def test_labels_of_another_number_are_told_as_labels(
    outputs: int, labels: str, held: int, tmp_path: Path
) -> None:
    tensors = dict(original_state("linknet34"))
    for name in ("finalconv3.weight", "finalconv3.bias"):
        tensors[name] = tensors[name][:outputs]
    write(tmp_path / "theirs.pt", tensors)
    spec = replace(spec_of("linknet34"), labels=tuple(labels))
    message = rf"theirs\.pt: labels: wanted {held} \(outputs of .*, got {len(labels)}"
    with pytest.raises(BadModel, match=message):
        convert(spec, [tmp_path / "theirs.pt"])


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"decoder1.conv3.bias": None}, "wanted a tensor decoder1.conv3.bias"),
        ({"decoder5.conv1.bias": (7,)}, "got without: decoder5.conv1.bias"),
        (
            {"firstconv.weight": (64, 3)},
            r"wanted \(7, 7, 3, 64\) for firstconv/kernel, got \(64, 3\)",
        ),
        ({"firstbn.weight": (63,)}, r"wanted \(64,\) for firstbn/gamma, got \(63,\)"),
    ],
)
def test_a_file_of_another_network_is_refused(
    broken: Mapping[str, tuple[int, ...] | None], message: str, tmp_path: Path
) -> None:
    tensors = dict(original_state("linknet34"))
    for name, shape in broken.items():
        if shape is None:
            del tensors[name]
        else:
            tensors[name] = np.zeros(shape, np.float32)
    write(tmp_path / "broken.pt", tensors)
    with pytest.raises(BadWeights, match=message):
        convert(spec_of("linknet34"), [tmp_path / "broken.pt"])


@pytest.mark.parametrize("name", SURGICAL)
def test_it_has_as_many_numbers_as_the_original(name: str) -> None:
    spec = ZOO[name]
    network = ternaus.build(spec)
    assert spec.parameters is not None
    assert network.count_params() == spec.parameters.numbers
    outputs = 1 if len(spec.labels) == 2 else len(spec.labels)
    assert network.output_shape == (None, 1024, 1280, outputs)


@pytest.mark.parametrize(("variant", "side"), [("unet16", 80), ("albunet34", 96)])
def test_a_size_that_cannot_be_halved_so_often_is_refused(variant: str, side: int) -> None:
    spec = replace(spec_of(variant), input=Input(128, side))
    with pytest.raises(ValueError, match=f"wanted sides that are multiples of .*, got 128x{side}"):
        ternaus.build(spec)
