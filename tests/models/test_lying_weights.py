"""Files with the right names and the wrong tensors: only BadWeights comes out."""

from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import ZOO, BadWeights
from models.families import mobilenet, vgg16, vggface
from models.hollow import hollow
from models.transfer import Filled
from tests.models.keras2_file import by_layer, write

SHAPES = st.lists(st.integers(1, 4), max_size=5).map(tuple)
FAMILIES = {
    "vgg16-features": vgg16,
    "vgg16-imagenet": vgg16,
    "cars-vgg16": vgg16,
    "vggface": vggface,
    "mobilenet-0.25-224": mobilenet,
}


@pytest.fixture(scope="module")
def networks() -> dict[str, keras.Model]:
    return {name: hollow(lambda n=name: FAMILIES[n].build(ZOO[n])) for name in FAMILIES}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.sampled_from(sorted(FAMILIES)), data=st.data())
def test_any_shapes_are_refused(
    networks: dict[str, keras.Model], tmp_path: Path, name: str, data: st.DataObject
) -> None:
    network = networks[name]
    drawn = data.draw(st.lists(SHAPES, min_size=8, max_size=8))
    tensors = [
        (weight.path, np.zeros(drawn[place % len(drawn)], np.float32))
        for place, weight in enumerate(network.weights)
    ]
    with pytest.raises(BadWeights):
        read_all(FAMILIES[name].fill(network, write(tmp_path / "lying.h5", by_layer(tensors))))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 25), shape=SHAPES)
def test_one_wrong_shape_is_named(
    networks: dict[str, keras.Model], tmp_path: Path, place: int, shape: tuple[int, ...]
) -> None:
    network = networks["vggface"]
    tensors = [(w.path, np.broadcast_to(np.float32(0), w.shape)) for w in network.weights[:26]]
    wrong = tensors[place][0]
    tensors[place] = (wrong, np.zeros(shape, np.float32))
    layers = by_layer(tensors)
    for name in ("fc6", "fc7", "fc8"):
        layers[name] = {f"{name}/{part}": np.zeros((1, 1), np.float32) for part in ("k", "b")}
    with pytest.raises(BadWeights, match=f"tensor {wrong}: wanted|tensor fc"):
        read_all(vggface.fill(network, write(tmp_path / "lying.h5", layers)))


def read_all(filled: Filled) -> None:
    for path in filled:
        assert filled[path] is not None
