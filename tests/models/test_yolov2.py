"""YOLOv2 from darknet's files says what darknet says, of its own networks and of a user's."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from models import ZOO, BadModel, BadWeights, Input, ModelSpec
from models.export.convert import convert
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.families import yolov2
from models.families.yolov2_import import from_cfg, from_darknet
from models.hollow import hollow
from models.session import open_session
from models.spec import Port
from models.transfer import Filled, variables
from tests.models import darknet_file
from tests.models.data import shared
from tests.models.parity import TOLERANCE, difference, export

GOLDEN = Path(__file__).parent / "golden" / "yolov2.npz"
NEW, OLD = (0, 2, 0), (0, 1, 0)
SLOW = {"yolov2-coco", "yolov2-voc"}
DARKNET = [
    pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
    for name in darknet_file.NETWORKS
]
CFGS = {"yolov2-coco": "yolov2", "yolov2-tiny-coco": "yolov2-tiny"}

# All kinds of layers, at 32 x 32: 16 x 16, 8 x 8 reorganised to 4 x 4, beside pooled ones.
CFG = """
[net]
# a comment
width=416
height = 416
channels=3

[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
batch_normalize=1
filters=16
size=3
stride=1
pad=1
activation=relu

[reorg]
stride=2

[route]
layers=1

[maxpool]
size=2
stride=2

[route]
layers=-1,-3

[maxpool]
size=2
stride=1

[maxpool]
size=2
stride=4

[convolutional]
filters=14
size=1
activation=linear

[region]
anchors = 0.5,1.5, 2,1
classes=2
coords=4
num=2
softmax=1
thresh = .6
"""
KERNELS = [(3, 8, 3), (8, 16, 3), (72, 14, 1)]


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    """See golden/README.md."""
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("darknet")


def written(folder: Path, name: str) -> Path:
    path = folder / f"{name}.weights"
    if not path.exists():
        darknet_file.write(path, darknet_file.NETWORKS[name], version=OLD)
    return path


def small(folder: Path, cfg: str = CFG) -> tuple[ModelSpec, list[Path]]:
    """A spec, and the two files of a network of all kinds of layers."""
    made = [folder / "small.cfg", folder / "small.weights"]
    made[0].write_text(cfg)
    darknet_file.write(made[1], KERNELS, version=NEW)
    spec = replace(ZOO["yolov2-voc"], name="small", labels=("cat", "dog"), input=Input(32, 32))
    return spec, made


def raw(folder: Path, model: keras.Model, filled: Filled, images: np.ndarray) -> np.ndarray:
    """What the last convolution gives in ONNX, HWC."""
    _, height, width, _ = model.input_shape
    _, rows, columns, channels = model.output_shape
    graph = Graph("raw")
    (made,) = emit(graph, model, filled, [graph.image(Input(width, height))])
    graph.output(Port("raw", "float32", ("B", channels, rows, columns)), made)
    path = folder / "raw.onnx"
    with path.open("wb") as file:
        graph.write(file, {})
    return open_session(path, device="cpu").run({"image": images})["raw"].transpose(0, 2, 3, 1)


def in_keras(model: keras.Model, filled: Filled, images: np.ndarray) -> np.ndarray:
    """What it gives in Keras; the model is built anew, since an imported one has no values."""
    copy = keras.Model.from_config(model.get_config())
    filled.assign(copy)
    return np.asarray(copy(images.astype(np.float32) / 255, training=False))


@pytest.mark.parametrize("name", DARKNET)
def test_the_last_layer_says_what_darknet_says(
    name: str, golden: dict[str, np.ndarray], files: Path, tmp_path: Path
) -> None:
    spec, picture = ZOO[name], darknet_file.picture()
    model, filled = from_darknet(yolov2.built_in(spec), spec.input, written(files, name))
    got = raw(tmp_path, model, filled, picture[np.newaxis])[0].transpose(2, 0, 1).ravel()
    largest = golden[f"{name}/largest"]
    sample = got[:: got.size // 1000]
    assert np.abs(sample - golden[f"{name}/raw"]).max() <= TOLERANCE * largest
    assert np.abs(got).max() == pytest.approx(largest, rel=TOLERANCE)


@pytest.mark.parametrize("name", DARKNET)
def test_boxes_are_darknets(
    name: str, golden: dict[str, np.ndarray], files: Path, tmp_path: Path
) -> None:
    session = export(ZOO[name], written(files, name), tmp_path)
    feeds = {"image": darknet_file.picture()[np.newaxis]}
    got = session.run(feeds | {"score_threshold": golden[f"{name}/threshold"]})
    wanted = golden[f"{name}/boxes"]
    assert got["classes"].tolist() == wanted[:, 0].tolist()
    assert np.abs(got["scores"] - wanted[:, 1]).max() <= TOLERANCE
    assert difference(got["boxes"], wanted[:, 2:]) <= TOLERANCE


@pytest.mark.parametrize("name", darknet_file.NETWORKS)
def test_a_network_holds_as_many_numbers_as_the_published_file(name: str) -> None:
    spec = ZOO[name]
    assert spec.parameters is not None
    model = hollow(lambda: yolov2.build(spec))
    assert sum(np.prod(v.shape) for v in variables(model).values()) == spec.parameters.numbers


@pytest.mark.parametrize("name", darknet_file.NETWORKS)
def test_built_in_layers_are_those_of_darknets_own_cfg(name: str) -> None:
    spec = ZOO[name]
    cfg = shared(f"weights_tinier_yolo_voc/{CFGS.get(name, name)}.cfg")
    assert from_cfg(cfg, len(spec.labels)) == yolov2.built_in(spec)


def test_a_cfg_of_the_users_own_is_built(tmp_path: Path) -> None:
    spec, (cfg, weights) = small(tmp_path)
    said = from_cfg(cfg, 2)
    model, filled = from_darknet(said, spec.input, weights)
    assert model.output_shape == (None, 1, 1, 14)
    assert said.anchors == ((0.5, 1.5), (2.0, 1.0))
    pictures = np.stack([darknet_file.picture(32)[::step] for step in (1, -1, 1)])
    for count in (1, 3):
        got = raw(tmp_path, model, filled, pictures[:count])
        assert difference(got, in_keras(model, filled, pictures[:count])) <= TOLERANCE


def test_a_cfg_is_held_against_the_labels(tmp_path: Path) -> None:
    spec, files = small(tmp_path)
    with pytest.raises(BadModel, match=r"small\.cfg: labels: wanted 2 \(outputs of .*, got 3"):
        yolov2.convert(replace(spec, labels=("cat", "dog", "cow")), files)


def test_labels_of_another_number_than_the_weights_are_told_as_such(tmp_path: Path) -> None:
    weights = tmp_path / "voc.weights"
    kernels = [*darknet_file.TINY, (1024, 1024, 3), (1024, 125, 1)]
    darknet_file.write(weights, kernels, version=(0, 2, 0))
    spec = ZOO["yolov2-tiny-voc"]
    with pytest.raises(BadModel, match=r"voc\.weights: labels: wanted 20 \(outputs of .*, got 19"):
        convert(replace(spec, labels=spec.labels[1:], origin=None), [weights])


def test_small_variances_are_darknets_too(tmp_path: Path) -> None:
    """It adds 1e-6 to the deviation, not to the variance: of 1e-8, that is a hundredth."""
    spec, (cfg, weights) = small(tmp_path)
    raw = np.fromfile(weights, np.uint8)
    variance = 20 + 3 * 8 * 4  # behind the head, and beta, gamma and mean of eight channels
    raw[variance : variance + 8 * 4] = np.full(8, 1e-8, "<f4").view(np.uint8)
    raw.tofile(weights)
    _, filled = from_darknet(from_cfg(cfg, 2), spec.input, weights)
    deviation = np.sqrt(filled["norm_1/moving_variance"].astype(np.float64) + 1e-6)
    assert deviation == pytest.approx(np.full(8, 1e-4 + 1e-6), rel=1e-4)


def test_a_variance_below_zero_is_refused(tmp_path: Path) -> None:
    spec, (cfg, weights) = small(tmp_path)
    raw = np.fromfile(weights, np.uint8)
    raw[116:120] = np.array([-1], "<f4").view(np.uint8)
    raw.tofile(weights)
    with pytest.raises(BadWeights, match="tensor conv_1/variance: wanted finite numbers"):
        yolov2.convert(spec, [cfg, weights])


def test_the_head_is_held_against_the_last_layer(tmp_path: Path) -> None:
    spec, files = small(tmp_path, CFG.replace("classes=2", "classes=3"))
    with pytest.raises(BadWeights, match="last layer: wanted 16 channels, got 14"):
        yolov2.convert(replace(spec, labels=("cat", "dog", "cow")), files)


def test_the_order_of_the_files_does_not_matter(tmp_path: Path) -> None:
    spec, files = small(tmp_path)
    made = [yolov2.convert(spec, order).model({}) for order in (files, files[::-1])]
    assert made[0] == made[1]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    spec, (cfg, weights) = small(tmp_path)
    with pytest.raises(BadWeights, match=r"wanted a file \.weights, got small\.cfg"):
        yolov2.convert(spec, [cfg])
    with pytest.raises(BadWeights, match=r"wanted one file \.weights, got .*, .*"):
        yolov2.convert(spec, [weights, weights])
    names = weights.with_name("voc.names")
    with pytest.raises(BadWeights, match=r"voc\.names: wanted a file \.weights or \.cfg, got"):
        yolov2.convert(spec, [weights, names])
    with pytest.raises(BadWeights, match=r"small\.cfg: wanted a file \.h5 or \.hdf5, got another"):
        yolov2.convert(ZOO["raccoon"], [weights.with_suffix(".h5"), cfg])


def test_a_file_of_another_network_is_refused(files: Path) -> None:
    tiny = written(files, "yolov2-tiny-voc")
    with pytest.raises(BadWeights, match=r"yolov2-tiny-voc\.weights: tensor conv_18/kernel"):
        yolov2.convert(ZOO["yolov2-voc"], [tiny])
    with pytest.raises(BadWeights, match=r"end of the file: wanted 44948596 bytes"):
        yolov2.convert(ZOO["yolov2-tiny-coco"], [tiny])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("layers=-1,-3", "layers=-1,-4", "layer 6: wanted pictures of one size"),
        ("[reorg]\nstride=2", "[reorg]\nstride=3", "layer 3: wanted rows and columns divisible"),
        (
            "filters=14",
            "filters=7",
            r"the last layer: wanted numbers for 7 .*, got for 14",
        ),
        ("filters=8", "filters=16384", r"tensor conv_1/beta \(16384,\): wanted bytes 20 to"),
    ],
)
def test_layers_that_do_not_fit_are_refused(old: str, new: str, why: str, tmp_path: Path) -> None:
    spec, files = small(tmp_path, CFG.replace(old, new, 1))
    with pytest.raises(BadWeights, match=why):
        yolov2.convert(spec, files)
