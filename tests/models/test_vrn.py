"""VRN: the numbers of the original's tree of modules and of its port, from their own formats."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from models import ZOO, BadWeights, Input
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.families import vrn
from models.families.vrn_files import transfer
from models.readers import h5, torch7
from models.readers.weights import WeightFile, in_memory
from models.session import Session, open_session
from models.spec import ModelSpec, Port
from models.transfer import values
from tests.models import keras2_file, vrn_file
from tests.models.parity import TOLERANCE, difference, export
from tests.models.readers.t7_file import Obj, made
from tests.models.seeded import fill
from tests.models.vrn_file import SAMPLE, SIDE, Module, modules, picture

SPECS = {"torch": ZOO["vrn-unguided"], "keras": ZOO["vrn-unguided-keras"]}


def h5_file(folder: Path) -> Path:
    """As the port saves it: layers numbered in the order of the tree, kernels (h, w, in, out)."""
    named, count = {}, {"conv": 0, "batch_norm": 0}
    for module in modules():
        kind = "conv" if module.size else "batch_norm"
        count[kind] += 1
        name, tensors = f"{kind}_{count[kind]}", module.tensors()
        if module.size:
            held = {"kernel": tensors["weight"].transpose(2, 3, 1, 0), "bias": tensors["bias"]}
        else:
            theirs = ("gamma", "beta", "moving_mean", "moving_variance")
            held = dict(zip(theirs, tensors.values(), strict=True))
        named[name] = {f"{name}/{part}": array for part, array in held.items()}
    return keras2_file.write(folder / "vrn-unguided-keras.h5", named, whole=True)


def t7_file(
    folder: Path, tensors: Callable[[Module], dict[str, np.ndarray]] = Module.tensors
) -> Path:
    """The tree of modules, with what training leaves in it; modules without tensors say nothing."""
    root = Obj("nn.Sequential", {"modules": []})
    for module in modules():
        node = root
        for index in module.place:
            inside = node.fields.setdefault("modules", [])
            assert isinstance(inside, list)
            inside += [Obj("nn.ReLU") for _ in range(len(inside), index + 1)]
            node = inside[index]
        node.kind = "nn.SpatialConvolution" if module.size else "nn.SpatialBatchNormalization"
        node.fields |= {
            **tensors(module),
            "train": True,
            "_type": "torch.FloatTensor",
            "gradBias": np.zeros(module.out, np.float32),
        }
    path = folder / "vrn-unguided.t7"
    path.write_bytes(made(root))
    return path


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    """Logits of the original and of its port: golden/make_vrn.py."""
    with np.load(Path(__file__).parent / "golden" / "vrn.npz") as file:
        return dict(file)


def logits(spec: ModelSpec, source: WeightFile) -> np.ndarray:
    """(200, 192, 192), of the seeded picture, by Keras."""
    network = vrn.build(spec)
    transfer(source, network).assign(network)
    scale = np.float32(spec.input.std[0])
    before = keras.Model(network.input, network.get_layer("sigmoid").input)
    made = before(picture()[np.newaxis].astype(np.float32) / scale)
    return np.asarray(made)[0].transpose(2, 0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["torch", "torch-running"])
def test_numbers_are_those_of_the_tree_of_modules(
    golden: dict[str, np.ndarray], variant: str, tmp_path: Path
) -> None:
    spec = replace(SPECS["torch"], variant=variant)
    wanted = golden["torch" if variant == "torch" else "running"]
    got = logits(spec, torch7.read(t7_file(tmp_path)))[SAMPLE]
    assert difference(got, wanted) <= TOLERANCE


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Session]:
    """The port's file, and the ONNX file made of it."""
    folder = tmp_path_factory.mktemp("vrn")
    original = h5_file(folder)
    return original, export(SPECS["keras"], original, folder)


@pytest.mark.slow
def test_the_original_is_converted_too(tmp_path: Path, golden: dict[str, np.ndarray]) -> None:
    session = export(SPECS["torch"], t7_file(tmp_path), tmp_path)
    got = session.run({"image": picture()[np.newaxis]})["volume"][0][SAMPLE]
    wanted = np.floor(255 / (1 + np.exp(-golden["torch"].astype(np.float64))))
    assert np.abs(got - wanted).max() <= 1


@pytest.mark.slow
def test_the_volume_is_that_of_the_port(
    port: tuple[Path, Session], golden: dict[str, np.ndarray]
) -> None:
    got = port[1].run({"image": picture()[np.newaxis]})["volume"]
    assert (got.shape, got.dtype) == ((1, 200, SIDE, SIDE), np.uint8)
    wanted = np.floor(255 / (1 + np.exp(-golden["keras"].astype(np.float64))))
    far = np.abs(got[0][SAMPLE] - wanted)
    assert far.max() <= 1
    assert (far > 0).mean() < 0.01  # where a number is next to a whole one


@pytest.mark.slow
def test_logits_are_those_of_the_port(
    port: tuple[Path, Session], golden: dict[str, np.ndarray]
) -> None:
    got = logits(SPECS["keras"], h5.read(port[0]))[SAMPLE]
    assert difference(got, golden["exact"]) <= TOLERANCE
    # The port's own run in float32 is 8e-5 away from the same network in float64.
    assert difference(got, golden["keras"]) <= 2 * TOLERANCE


@pytest.mark.slow
def test_pictures_in_a_batch_do_not_touch_each_other(port: tuple[Path, Session]) -> None:
    pictures = np.stack([picture(seed) for seed in range(3)])
    together = port[1].run({"image": pictures})["volume"].astype(int)
    for index, one in enumerate(pictures):
        alone = port[1].run({"image": one[np.newaxis]})["volume"][0]
        assert np.abs(together[index] - alone).max() <= 1
    assert np.abs(together[0] - together[1]).max() > 50


@pytest.mark.slow
def test_it_holds_as_many_numbers_as_the_original() -> None:
    spec = SPECS["torch"]
    assert spec.parameters is not None
    assert vrn.build(spec).count_params() == spec.parameters.numbers
    sizes = [
        sum(tensor.size for name, tensor in module.tensors().items() if "running" not in name)
        for module in modules()
    ]
    assert sum(sizes) == spec.parameters.numbers
    assert sum(module.size > 0 for module in modules()) == 276
    assert sum(module.size == 0 for module in modules()) == 273


def test_instance_norm_in_onnx_says_what_it_says_in_keras(tmp_path: Path) -> None:
    image = layers.Input((12, 16, 3))
    norm = layers.GroupNormalization(groups=-1, epsilon=1e-5)
    network = keras.Model(image, norm(image))
    fill(network, seed=4)
    graph = Graph("layer")
    (made,) = emit(graph, network, values(network), [graph.image(Input(16, 12))])
    _, height, width, channels = network.output_shape
    graph.output(Port("y", "float32", ("B", channels, height, width)), made)
    path = tmp_path / "layer.onnx"
    with path.open("wb") as file:
        graph.write(file, {})
    pictures = np.random.default_rng(2).integers(0, 256, (3, 12, 16, 3), np.uint8)
    wanted = np.asarray(network(pictures.astype(np.float32) / 255)).transpose(0, 3, 1, 2)
    for count in (1, 3):
        got = open_session(path, device="cpu").run({"image": pictures[:count]})["y"]
        assert difference(got, wanted[:count]) <= TOLERANCE


def small_network() -> keras.Model:
    """A convolution and a norm that stand where VRN has its first two."""
    image = layers.Input((8, 8, 3))
    value = layers.Conv2D(4, 3, name="conv_0")(image)
    value = layers.GroupNormalization(groups=-1, name="norm_1")(value)
    return keras.Model(image, value)


def small_file(**more: tuple[int, ...]) -> WeightFile:
    shapes = {
        "modules/1/weight": (4, 3, 3, 3),
        "modules/1/bias": (4,),
        "modules/2/weight": (4,),
        "modules/2/bias": (4,),
        "modules/2/running_mean": (4,),
        "modules/2/running_var": (4,),
        **more,
    }
    return WeightFile("small.t7", {n: in_memory(np.ones(s, np.float32)) for n, s in shapes.items()})


def test_learnt_statistics_are_named_as_unused() -> None:
    filled = transfer(small_file(), small_network())
    assert {*filled.unused} == {"modules/2/running_mean", "modules/2/running_var"}
    assert filled["conv_0/kernel"].shape == (3, 3, 3, 4)


def test_what_training_left_is_named_as_unused() -> None:
    source = small_file(**{"modules/1/gradWeight": (4, 3, 3, 3)})
    assert "modules/1/gradWeight" in transfer(source, small_network()).unused


def test_a_module_too_many_is_named() -> None:
    with pytest.raises(BadWeights, match=r"got without: modules/3/weight \(9,\)"):
        transfer(small_file(**{"modules/3/weight": (9,)}), small_network())


def test_a_layer_too_few_is_counted(tmp_path: Path) -> None:
    path = keras2_file.write(
        tmp_path / "few.h5",
        {"conv_1": {"conv_1/kernel": np.ones((3, 3, 3, 4)), "conv_1/bias": np.ones(4)}},
    )
    with pytest.raises(BadWeights, match="layers batch_norm: wanted 1, got 0"):
        transfer(h5.read(path), small_network())


def test_the_seeded_picture_is_of_its_size() -> None:
    assert picture().shape == (vrn_file.SIDE, vrn_file.SIDE, 3)
