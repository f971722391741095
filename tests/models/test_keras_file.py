"""Pairing the layers of a Keras 2 file with those of a network: all of them, or none."""

import re

import keras
import numpy as np
import pytest
from keras import layers

from models import BadWeights
from models.families.keras_file import Pair, file_layers, pair_off
from models.hollow import hollow
from models.readers.weights import WeightFile, in_memory


def build() -> keras.Model:
    image = layers.Input((8, 8, 3))
    value = layers.Conv2D(4, 3, name="first")(image)
    value = layers.BatchNormalization(name="normal")(value)
    value = layers.Flatten(name="flat")(value)
    return keras.Model(image, layers.Dense(2, use_bias=False, name="last")(value))


def network() -> keras.Model:
    return hollow(build)


NORMAL = [f"normal/{part}" for part in ("gamma", "beta", "moving_mean", "moving_variance")]
OURS = ["first/kernel", "first/bias", *NORMAL, "last/kernel"]


def weight_file(names: list[str], listed: list[str]) -> WeightFile:
    tensors = {name: in_memory(np.zeros(1, np.float32)) for name in names}
    return WeightFile("old.h5", tensors, {"layers": tuple(listed)})


def test_layers_are_found_by_name_in_any_order() -> None:
    names = ["last/kernel", *NORMAL, "first/kernel", "first/bias"]
    file = weight_file(names, ["input", "last", "normal", "flat", "first"])
    assert pair_off(file, network()) == [Pair(name, name) for name in OURS]


def test_layers_of_other_names_are_taken_in_their_order() -> None:
    normal = [name.replace("normal", "batch_normalization_7") for name in NORMAL]
    names = ["conv2d_7/kernel", "conv2d_7/bias", *normal, "dense_3/kernel"]
    file = weight_file(names, ["conv2d_7", "batch_normalization_7", "flatten_3", "dense_3"])
    assert pair_off(file, network()) == [
        Pair(name, path) for name, path in zip(names, OURS, strict=True)
    ]


def test_a_network_within_the_file_is_opened() -> None:
    inner = [f"base/{name}" for name in OURS[:6]]
    file = weight_file([*inner, "last/kernel"], ["input", "base", "flat", "last"])
    assert [layer.name for layer in file_layers(file)] == ["first", "normal", "last"]
    assert [pair.path for pair in pair_off(file, network())] == OURS


def test_a_layer_built_twice_in_a_session_is_one_layer() -> None:
    """TensorFlow 1 counts the scopes: layer "first", weight "first_1/kernel"."""
    names = ["first/first_1/kernel", "first/first_1/bias", *NORMAL, "last/kernel"]
    file = weight_file(names, ["first", "normal", "last"])
    assert [pair.tensor for pair in pair_off(file, network())] == names


def test_layers_beyond_the_network_are_left_out_when_they_are_known() -> None:
    file = weight_file([*OURS, "more/kernel"], ["first", "normal", "last", "more"])
    assert [pair.tensor for pair in pair_off(file, network(), unused=["more"])] == OURS
    with pytest.raises(
        BadWeights,
        match=re.escape("layers: wanted 3 with weights, got 4, of other names more"),
    ):
        pair_off(file, network())


def test_a_missing_layer_is_an_error_and_not_left_at_random() -> None:
    file = weight_file(OURS[:6], ["first", "normal"])
    with pytest.raises(BadWeights, match=r"old\.h5: layers: wanted 3 with weights, got 2"):
        pair_off(file, network())


def test_a_layer_with_a_tensor_too_few_is_named() -> None:
    file = weight_file([OURS[0], *OURS[2:]], ["first", "normal", "last"])
    with pytest.raises(BadWeights, match="layer first: wanted 2 tensors for first, got 1"):
        pair_off(file, network())


def test_a_hollow_network_does_not_fill_up_later() -> None:
    empty = network()
    real = keras.Sequential([layers.Input((4,)), layers.Dense(2)])
    assert real.weights[0].numpy().shape == (4, 2)
    assert empty.count_params() == 4 * 28 + 16 + 2 * 144
    with keras.StatelessScope():
        pass
    # Nothing has values but what was built outside.
    assert all(weight._value is None for weight in empty.weights)
