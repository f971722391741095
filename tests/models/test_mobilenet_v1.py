"""MobileNets: the numbers of keras.applications, and Google's quantised ones on real photos."""

from dataclasses import replace
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from models import ZOO, BadModel, BadWeights, ModelSpec
from models.families import mobilenet
from models.hollow import hollow
from tests.models.data import shared
from tests.models.keras2_file import by_layer, write
from tests.models.parity import TOLERANCE, difference, export
from tests.models.seeded import fill
from tests.models.vgg_pictures import pictures

SIZE, CLASSES = 96, 20
WIDTHS = ("0.25", "0.5", "0.75", "1.0")


def small(width: str) -> ModelSpec:
    spec = ZOO[f"mobilenet-{width}-224"]
    return replace(
        spec,
        input=replace(spec.input, width=SIZE, height=SIZE),
        labels=spec.labels[:CLASSES],
    )


def original(width: str) -> keras.Model:
    network = keras.applications.MobileNet(
        weights=None, alpha=float(width), input_shape=(SIZE, SIZE, 3), classes=CLASSES
    )
    fill(network, seed=1)
    return network


def tensors(network: keras.Model) -> dict[str, np.ndarray]:
    """With the names of Keras 2, which called the kernels of depthwise convolutions otherwise."""
    return {
        weight.path.replace("/kernel", "/depthwise_kernel")
        if weight.path.startswith("conv_dw")
        else weight.path: np.asarray(weight)
        for weight in network.weights
        if not weight.path.startswith("seed_generator")
    }


@pytest.mark.parametrize("width", WIDTHS)
def test_it_has_the_parameters_of_the_original(width: str) -> None:
    spec = ZOO[f"mobilenet-{width}-224"]
    theirs = hollow(lambda: keras.applications.MobileNet(weights=None, alpha=float(width)))
    assert spec.parameters is not None
    for network in (hollow(lambda: mobilenet.build(spec)), theirs):
        assert network.count_params() == spec.parameters.numbers


@pytest.mark.parametrize("width", WIDTHS)
def test_probabilities_are_those_of_keras_applications(tmp_path: Path, width: str) -> None:
    network = original(width)
    shown = pictures(SIZE)
    wanted = np.asarray(network(keras.applications.mobilenet.preprocess_input(shown.astype("f4"))))
    session = export(
        small(width), write(tmp_path / "mobilenet.h5", by_layer(tensors(network).items())), tmp_path
    )
    for count in (1, 3):
        got = session.run({"image": shown[:count]})["probabilities"]
        assert difference(got, wanted[:count]) < TOLERANCE


def test_classes_may_be_a_matrix_of_another_name(tmp_path: Path) -> None:
    made = tensors(original("0.25"))
    kernel, bias = made.pop("conv_preds/kernel"), made.pop("conv_preds/bias")
    made |= {"dense_1/kernel": kernel[0, 0], "dense_1/bias": bias}
    network = hollow(lambda: mobilenet.build(small("0.25")))
    filled = mobilenet.fill(network, write(tmp_path / "mobilenet.h5", by_layer(made.items())))
    assert np.array_equal(filled["conv_preds/kernel"], kernel)
    assert np.array_equal(filled["conv_preds/bias"], bias)


def test_another_width_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "half.h5", by_layer(tensors(original("0.5")).items()))
    with pytest.raises(
        BadWeights, match=r"half\.h5: tensor conv1\S+: wanted \(8,\) for conv1_bn/moving_mean"
    ):
        mobilenet.convert(small("0.25"), [file])


def test_the_second_is_not_built_here() -> None:
    with pytest.raises(BadModel, match=r"mobilenet-v2-1\.0-224: wanted a MobileNet v1"):
        mobilenet.build(ZOO["mobilenet-v2-1.0-224"])


PHOTOS = ("cat_720p.jpg", "parrot.jpg", "hot_dog.jpg", "sunflower.png")
# What the quantised files say when TensorFlow Lite runs them, of the same photos, stretched by
# OpenCV's INTER_LINEAR. The small ones are wrong on some.
SEEN = {
    "mobilenet-v2-1.0-224": (("Egyptian cat", 0.875), ("macaw", 0.996), ("hotdog", 0.957),
                             ("daisy", 0.980)),
    "mobilenet-0.75-192": (("tiger cat", 0.406), ("macaw", 0.996), ("hotdog", 0.883),
                           ("daisy", 0.816)),
    "mobilenet-0.5-160": (("Egyptian cat", 0.750), ("macaw", 0.988), ("hotdog", 0.867),
                          ("daisy", 0.949)),
    "mobilenet-0.25-128": (("tiger cat", 0.211), ("macaw", 0.828), ("conch", 0.348),
                           ("daisy", 0.496)),
}  # fmt: skip


@pytest.mark.parametrize("model", SEEN)
def test_photos_are_what_the_quantised_file_says(tmp_path: Path, model: str) -> None:
    spec = ZOO[model]
    folder = shared("weights_coral_tflite")
    session = export(spec, folder / Path(spec.published).name, tmp_path)
    size = (spec.input.width, spec.input.height)
    shown = np.stack([cv2.resize(cv2.imread(str(folder / "images" / p)), size) for p in PHOTOS])
    got = session.run({"image": np.ascontiguousarray(shown[..., ::-1])})["probabilities"]
    for row, (name, probability) in zip(got, SEEN[model], strict=True):
        assert spec.labels[row.argmax()].split(",")[0] == name
        assert row.max() == pytest.approx(probability, abs=0.03)


@pytest.mark.parametrize(
    ("model", "file", "message"),
    [
        ("mobilenet-0.5-160", "mobilenet_v2_1.0_224_quant.tflite",
         "convolutions: wanted 28, as MobileNet v1 without batch norms has, got 53"),
        ("mobilenet-0.5-160", "mobilenet_v1_0.75_192_quant.tflite",
         r"tensor conv1/kernel: wanted \(3, 3, 3, 16\) for conv1/kernel, got"),
        ("mobilenet-0.5-160", "deeplabv3_mnv2_dm05_pascal_quant.tflite", "convolutions: wanted 28"),
    ],
)  # fmt: skip
def test_another_tflite_is_refused(model: str, file: str, message: str) -> None:
    with pytest.raises(BadWeights, match=message):
        mobilenet.convert(ZOO[model], [shared(f"weights_coral_tflite/{file}")])
