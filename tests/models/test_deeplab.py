"""DeepLabv3+: the numbers of bonlime's Keras code, from files as it writes them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
import pytest

from models import ZOO, BadWeights, Input, ModelSpec
from models.export.convert import convert
from models.families import deeplab
from models.readers import h5
from models.session import open_session
from models.transfer import values
from tests.models.deeplab_state import SIZE, pictures, sample, state
from tests.models.emitted import emitted, normalised
from tests.models.parity import difference
from tests.models.seeded import fill

TOLERANCE = 1e-4
VARIANTS = [
    "mobilenetv2",
    "mobilenetv2-half-pixel",
    pytest.param("xception-16", marks=pytest.mark.slow),
    pytest.param("xception-16-half-pixel", marks=pytest.mark.slow),
    pytest.param("xception-8", marks=pytest.mark.slow),
]
BONLIME = [
    pytest.param(name, marks=[pytest.mark.slow] if "xception" in name else [])
    for name in ZOO
    if name.startswith(("deeplab-mobilenetv2", "deeplab-xception"))
]


def spec_of(variant: str, height: int = SIZE[0], width: int = SIZE[1]) -> ModelSpec:
    known = ZOO["deeplab-mobilenetv2-voc"]
    half = (127.5, 127.5, 127.5)
    return replace(
        known, variant=variant, origin=None, input=Input(width, height, mean=half, std=half)
    )


def golden(variant: str) -> dict[str, np.ndarray]:
    """See golden/make_deeplab.py."""
    with np.load(Path(__file__).parent / "golden" / "deeplab.npz") as file:
        return {kind: file[f"{variant}/{kind}"] for kind in ("names", "shapes", "output")}


@lru_cache(maxsize=2)
def original_state(variant: str) -> Mapping[str, np.ndarray]:
    """The tensors of the original network, in the order of its layers."""
    recorded = golden(variant)
    shapes = [tuple(map(int, shape.split())) for shape in recorded["shapes"].tolist()]
    return state(dict(zip(recorded["names"].tolist(), shapes, strict=True)))


def write_h5(path: Path, tensors: Mapping[str, np.ndarray]) -> Path:
    """A weight file of Keras 2: a group for each layer, which lists its weights."""
    layers: dict[str, list[str]] = {"image": []}
    for name in tensors:
        layers.setdefault(name.rpartition("/")[0], []).append(name)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer, names in layers.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{name}:0".encode() for name in names]
            for name in names:
                group[f"{name}:0"] = tensors[name]
    return path


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_says_what_the_original_says(variant: str, tmp_path: Path) -> None:
    spec = spec_of(variant)
    network = deeplab.build(spec)
    file = write_h5(tmp_path / "original.h5", original_state(variant))
    weights = deeplab.load(h5.read(file), network)
    weights.assign(network)
    wanted = np.asarray(network(normalised(pictures(), spec.input), training=False))
    assert difference(sample(wanted), golden(variant)["output"]) < TOLERANCE
    session = emitted(network, weights, spec.input, tmp_path)
    for count in (1, 3):
        got = session.run({"image": pictures()[:count]})["y"].transpose(0, 2, 3, 1)
        assert difference(got, wanted[:count]) < TOLERANCE


def test_a_converted_file_says_classes_and_how_sure(tmp_path: Path) -> None:
    spec = spec_of("mobilenetv2")
    file = write_h5(tmp_path / "original.h5", original_state("mobilenetv2"))
    path = tmp_path / "deeplab.onnx"
    with path.open("wb") as opened:
        convert(spec, [file]).write(opened, {})
    session = open_session(path, device="cpu")
    session.check_against(spec)
    got = session.run({"image": pictures()})
    assert got["classes"].shape == got["scores"].shape == (3, *SIZE)
    # The seeded network is of few opinions, and each must be the original's.
    wanted = golden("mobilenetv2")["output"]
    assert (sample(got["classes"]) == wanted.argmax(axis=3)).mean() > 0.99
    chance = np.exp(wanted - wanted.max(axis=3, keepdims=True))
    sure = np.rint(255 / chance.sum(axis=3))
    assert np.abs(sample(got["scores"]).astype(int) - sure).max() <= 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_layers_are_in_the_order_of_the_original(variant: str) -> None:
    """So a file whose layers have other names loads by their order."""
    ours = [layer.name for layer in deeplab.build(spec_of(variant)).layers if layer.weights]
    theirs = dict.fromkeys(name.rpartition("/")[0] for name in golden(variant)["names"].tolist())
    assert ours == [name.removeprefix("custom_") for name in theirs]


def test_other_names_load_by_the_order_of_layers(tmp_path: Path) -> None:
    tensors = dict(original_state("mobilenetv2"))
    layers = list(dict.fromkeys(name.rpartition("/")[0] for name in tensors))
    other = {}
    for name, array in tensors.items():
        layer, _, kind = name.rpartition("/")
        other[f"layer_{layers.index(layer)}/{kind}"] = array
    network = deeplab.build(spec_of("mobilenetv2"))
    by_name = deeplab.load(h5.read(write_h5(tmp_path / "a.h5", tensors)), network)
    by_order = deeplab.load(h5.read(write_h5(tmp_path / "b.h5", other)), network)
    assert by_name.keys() == by_order.keys()
    assert all((by_name[path] == by_order[path]).all() for path in by_name)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"aspp0/kernel": None}, "got none for aspp0/kernel"),
        ({"aspp1_depthwise/kernel": (3, 3)}, "got without: aspp1_depthwise/kernel"),
        ({"aspp0/kernel": (1, 1, 7, 256)}, r"wanted \(1, 1, 320, 256\) for aspp0/kernel"),
        ({"aspp0/bias": (256,)}, "got without: aspp0/bias"),
    ],
)
def test_a_file_of_another_network_is_refused(
    broken: Mapping[str, tuple[int, ...] | None], message: str, tmp_path: Path
) -> None:
    tensors = dict(original_state("mobilenetv2"))
    for name, shape in broken.items():
        if shape is None:
            del tensors[name]
        else:
            tensors[name] = np.zeros(shape, np.float32)
    file = write_h5(tmp_path / "broken.h5", tensors)
    with pytest.raises(BadWeights, match=message):
        convert(spec_of("mobilenetv2"), [file])


@pytest.mark.parametrize("name", BONLIME)
def test_it_has_as_many_numbers_as_the_original(name: str) -> None:
    spec = ZOO[name]
    assert spec.parameters is not None
    assert deeplab.build(spec).count_params() == spec.parameters.numbers


def test_a_side_that_is_no_multiple_of_the_stride_keeps_its_size(tmp_path: Path) -> None:
    spec = spec_of("mobilenetv2", height=65, width=90)
    network = deeplab.build(spec)
    assert network.output_shape == (None, 65, 90, 21)
    fill(network, seed=4)
    images = np.random.default_rng(4).integers(0, 256, (2, 65, 90, 3), np.uint8)
    wanted = np.asarray(network(normalised(images, spec.input), training=False))
    got = emitted(network, values(network), spec.input, tmp_path).run({"image": images})["y"]
    assert difference(got.transpose(0, 2, 3, 1), wanted) < TOLERANCE
