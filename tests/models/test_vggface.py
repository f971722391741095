"""VGG-Face: the numbers of keras-vggface, from every layout that its weights are published in."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.signal import convolve

from models import ZOO, BadWeights, ModelSpec, store
from models.families import vggface
from models.hollow import hollow
from tests.models.keras2_file import Layers, by_layer, write
from tests.models.matconvnet_file import write as write_mat
from tests.models.parity import TOLERANCE, difference, export
from tests.models.seeded import draw
from tests.models.vgg_pictures import FULL, SMALL, faces

GOLDEN = Path(__file__).parent / "golden" / "vgg.npz"
EMBED = ZOO["vggface-fc7"]
CLASSES = 10  # of the small original
PEOPLE = tuple(f"Person {number}" for number in range(CLASSES))


def small(name: str) -> ModelSpec:
    """As the original was run: 64 x 64 pixels, 10 people."""
    spec = ZOO[name]
    return replace(
        spec, input=replace(spec.input, width=SMALL, height=SMALL), labels=spec.labels[:CLASSES]
    )


def original_layers(spec: ModelSpec) -> dict[str, dict[str, np.ndarray]]:
    """The layers of keras-vggface's file, also those of its activations: "fc6/relu"."""
    network = hollow(lambda: vggface.build(replace(spec, task="classify")))
    layers = by_layer((w.path, draw(w.path, tuple(w.shape), 1)) for w in network.weights)
    return {"input_1": {}, **layers, "fc6/relu": {}, "fc7/relu": {}, "fc8/softmax": {}}


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture(scope="module")
def layers() -> dict[str, dict[str, np.ndarray]]:
    return original_layers(small("vggface"))


def bgr(pictures: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pictures[..., ::-1])


def test_it_has_the_parameters_of_the_original() -> None:
    network = hollow(lambda: vggface.build(ZOO["vggface"]))
    assert network.count_params() == 145_002_878
    for spec in (ZOO["vggface"], EMBED):
        assert spec.parameters is not None
        count = hollow(lambda spec=spec: vggface.build(spec)).count_params()
        assert count == spec.parameters.numbers


def test_identities_are_those_of_the_original(
    tmp_path: Path, layers: Layers, golden: dict[str, np.ndarray]
) -> None:
    session = export(small("vggface"), write(tmp_path / "face.h5", layers), tmp_path)
    for count in (1, 3):
        got = session.run({"image": bgr(faces(SMALL))[:count]})["probabilities"]
        assert difference(np.log(got), np.log(golden["vggface"][:count])) < TOLERANCE


def test_the_embedding_is_that_of_the_original(
    tmp_path: Path, layers: Layers, golden: dict[str, np.ndarray]
) -> None:
    session = export(small("vggface-fc7"), write(tmp_path / "face.h5", layers), tmp_path)
    for count in (1, 3):
        got = session.run({"image": bgr(faces(SMALL))[:count]})["embedding"]
        assert got.shape == (count, 4096)
        assert difference(got[:, ::16], golden["vggface_fc7"][:count]) < TOLERANCE


def theano(layers: Layers, *, convolutions: bool) -> Layers:
    """As Keras 1 on Theano wrote them, for red, green, blue; fc6 to fc8 perhaps as convolutions."""
    changed = {}
    for layer, tensors in layers.items():
        if not tensors:
            continue
        kernel, bias = tensors.values()
        if layer == "conv1_1":
            kernel = kernel[:, :, ::-1]
        if kernel.ndim == 4:
            kernel = kernel.transpose(3, 2, 0, 1)[:, :, ::-1, ::-1]
        elif convolutions:
            side = 2 if layer == "fc6" else 1
            kernel = kernel.reshape(side, side, -1, kernel.shape[1])
            kernel = kernel.transpose(3, 2, 0, 1)[:, :, ::-1, ::-1]
        elif layer == "fc6":
            kernel = kernel.reshape(2, 2, 512, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
        changed[layer] = {f"{layer}_W": kernel, f"{layer}_b": bias}
    return changed


@pytest.mark.parametrize("convolutions", [True, False], ids=["keras", "keras-fc"])
def test_files_of_theano_hold_the_same_network(
    tmp_path: Path, layers: Layers, *, convolutions: bool
) -> None:
    file = write(
        tmp_path / "vgg-face-keras.h5", theano(layers, convolutions=convolutions), suffix=""
    )
    network = hollow(lambda: vggface.build(small("vggface")))
    filled = vggface.fill(network, file)
    for layer, tensors in layers.items():
        for name, array in tensors.items():
            assert np.array_equal(filled[name], array), layer


def test_the_authors_own_file_holds_the_same_network(tmp_path: Path, layers: Layers) -> None:
    file = write_mat(tmp_path / "vgg_face.mat", layers, PEOPLE)
    filled = vggface.fill(hollow(lambda: vggface.build(small("vggface"))), file)
    for layer, tensors in layers.items():
        for name, array in tensors.items():
            assert np.array_equal(filled[name], array), layer


def test_people_are_called_as_the_file_calls_them(tmp_path: Path, layers: Layers) -> None:
    file = write_mat(tmp_path / "vgg_face.mat", layers, PEOPLE)
    store.import_model(small("vggface"), [file], folder=tmp_path / "home")
    mine = store.imported("vggface", tmp_path / "home")
    assert mine is not None
    assert mine.labels == PEOPLE
    store.import_model(small("vggface-fc7"), [file], folder=tmp_path / "home")
    mine = store.imported("vggface-fc7", tmp_path / "home")
    assert mine is not None
    assert mine.labels == ()


def test_a_kernel_of_theano_is_turned_round() -> None:
    """Against the definition: a convolution of channel after channel, summed."""
    random = np.random.default_rng(3)
    picture, kernel = random.normal(size=(6, 7, 2)), random.normal(size=(4, 2, 3, 3))
    wanted = np.stack(
        [
            sum(convolve(picture[..., i], kernel[o, i], mode="valid") for i in range(2))
            for o in range(4)
        ],
        axis=-1,
    )
    change = vggface.change_of(kernel.shape, (3, 3, 2, 4), theano=True)
    got = keras.ops.conv(picture[None].astype("f4"), change(kernel).astype("f4"), padding="valid")
    assert difference(np.asarray(got)[0], wanted) < TOLERANCE


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda made: made.pop("fc7"), "layers: wanted 16 with weights, got 15"),
        (lambda made: made["fc6"].popitem(), "layer fc6: wanted 2 tensors for fc6, got 1"),
        (
            lambda made: made["conv1_1"].update({"conv1_1/kernel": np.zeros((3, 3, 4, 64))}),
            r"tensor conv1_1/kernel: wanted \(3, 3, 3, 64\), or \(64, 3, 3, 3\) of Theano, got",
        ),
        (
            lambda made: made["fc7"].update({"fc7/kernel": np.zeros((4096, 7))}),
            r"tensor fc7/kernel: wanted \(4096, 4096\) for fc7/kernel, got \(4096, 7\)",
        ),
    ],
)
def test_a_file_of_another_network_is_refused(
    tmp_path: Path, spoil: Callable[[dict[str, dict[str, np.ndarray]]], object], message: str
) -> None:
    made = {
        layer: {
            name: np.broadcast_to(np.float32(0), array.shape) for name, array in tensors.items()
        }
        for layer, tensors in original_layers(small("vggface")).items()
    }
    spoil(made)
    file = write(tmp_path / "other.h5", made)
    with pytest.raises(BadWeights, match=message):
        vggface.convert(small("vggface"), [file])


@pytest.mark.slow
def test_the_whole_network_is_that_of_the_original(
    tmp_path: Path, golden: dict[str, np.ndarray]
) -> None:
    spec = ZOO["vggface"]
    file = write(tmp_path / "rcmalli_vggface_tf_vgg16.h5", original_layers(spec))
    session = export(spec, file, tmp_path)
    got = session.run({"image": bgr(faces(FULL)[:1])})["probabilities"]
    assert difference(np.log(got[:, ::8]), np.log(golden["full"])) < TOLERANCE
    session = export(EMBED, file, tmp_path)
    got = session.run({"image": bgr(faces(FULL)[:1])})["embedding"]
    assert difference(got[:, ::16], golden["full_fc7"]) < TOLERANCE
