"""The captioner's eye is VGG16, from files as Keras 2 and as Keras 1 on Theano wrote them."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from models import ZOO
from models.families import caption_encoder
from models.spec import Input
from models.transfer import variables
from tests.models import keras2_file
from tests.models.parity import TOLERANCE, difference, export
from tests.models.seeded import draw

SMALL = Input(64, 64, order="bgr", fit="stretch", mean=(103.939, 116.779, 123.68), std=(1, 1, 1))


def test_kernels_of_theano_are_turned_and_rows_are_by_pixel() -> None:
    random = np.random.default_rng(0)
    kernel = random.standard_normal((4, 3, 3, 3)).astype(np.float32)
    turned = caption_encoder.turned(kernel)
    assert turned.shape == (3, 3, 3, 4)
    assert turned[0, 2, 1, 3] == kernel[3, 1, 2, 0]
    rows = np.arange(2 * 3 * 5)[:, np.newaxis]  # 5 channels of 2 x 3 pixels
    assert caption_encoder.by_pixel(2, 3)(rows)[:6, 0].tolist() == [0, 6, 12, 18, 24, 1]


def encoder_tensors(*, theano: bool) -> dict[str, dict[str, np.ndarray]]:
    """VGG16 for pictures of 64 x 64 pixels, layers as in a file, with a layer for 10 classes."""
    network = caption_encoder.build(replace(ZOO["caption-encoder"], input=SMALL))
    held: dict[str, dict[str, np.ndarray]] = {}
    for path, variable in variables(network).items():
        array = draw(path, tuple(variable.shape), 5)
        layer, _, part = path.partition("/")
        if theano:
            if array.ndim == 4:
                array = array.transpose(3, 2, 0, 1)[..., ::-1, ::-1]
            if path == "fc1/kernel":  # rows by channel, of 2 x 2 pixels
                array = array.reshape(2, 2, 512, -1).transpose(2, 0, 1, 3).reshape(2048, -1)
            held.setdefault(layer, {})[f"{layer}_{'W' if part == 'kernel' else 'b'}"] = array
        else:
            held.setdefault(layer, {})[path] = array
    last = {"predictions/kernel": (4096, 10), "predictions/bias": (10,)}
    return held | {"predictions": {name: np.zeros(shape) for name, shape in last.items()}}


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["", "theano"])
def test_the_encoder_is_vgg16_up_to_its_second_hidden_layer(variant: str, tmp_path: Path) -> None:
    spec = replace(ZOO["caption-encoder"], input=SMALL, variant=variant)
    theano = variant == "theano"
    held = encoder_tensors(theano=theano)
    path = keras2_file.write(tmp_path / "vgg16.h5", held, suffix="" if theano else ":0")
    session = export(spec, path, tmp_path)
    whole = keras.applications.VGG16(weights=None, input_shape=(64, 64, 3), classes=10)
    for variable in whole.variables:
        if not variable.path.startswith("predictions"):
            variable.assign(draw(variable.path, tuple(variable.shape), 5))
    wanted_by = keras.Model(whole.input, whole.get_layer("fc2").output)
    pictures = np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3), np.uint8)
    wanted = np.asarray(wanted_by(pictures.astype(np.float32) - np.array(SMALL.mean, np.float32)))
    for count in (1, 3):
        got = session.run({"image": pictures[:count]})["embedding"]
        assert difference(got, wanted[:count]) <= TOLERANCE
