"""YOLOv2 from keras-yolo2's files says what keras-yolo2 says."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from models import ZOO, BadWeights, Input, ModelSpec
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.families import yolov2
from models.families.yolov2_import import from_keras
from models.hollow import hollow
from models.session import open_session
from models.spec import Port
from models.transfer import values, variables
from tests.models.darknet_file import picture
from tests.models.keras2_file import Layers, write
from tests.models.parity import TOLERANCE, difference, export
from tests.models.seeded import draw, fill

GOLDEN = Path(__file__).parent / "golden" / "keras_yolo2.npz"
SEED = 12  # of golden/make_keras_yolo2.py
LAST = "DetectionLayer"
VARIANTS = [
    pytest.param("keras-full", marks=pytest.mark.slow),
    "keras-tiny",
    "mobilenet",
]


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    """See golden/README.md."""
    with np.load(GOLDEN) as file:
        return dict(file)


def spec_of(variant: str) -> ModelSpec:
    """With the anchors of config.json; 20 classes, but one on MobileNet."""
    raccoon = ZOO["raccoon"]
    if variant == "mobilenet":
        return raccoon
    plain = Input(416, 416, fit="stretch")
    labels = tuple(str(i) for i in range(20))
    return replace(raccoon, name=variant, variant=variant, input=plain, labels=labels)


def tensors(model: keras.Model) -> Iterator[tuple[str, np.ndarray]]:
    """Of a network of ours, as the original names and draws them."""
    for path, variable in variables(model).items():
        layer = path.partition("/")[0]
        depthwise = layer.startswith("conv_dw_") and path.endswith("/kernel")
        name = f"{layer}/depthwise_kernel" if depthwise else path
        shape = tuple(variable.shape)
        yield name, draw(name, shape, SEED, shape[0] * shape[1] if depthwise else 0)


def layers_of(spec: ModelSpec) -> Layers:
    """As in the file: the backbone is a model in the model, statistics stand at its end."""
    drawn = dict(tensors(hollow(lambda: yolov2.build(spec))))
    last = {name: drawn.pop(name) for name in (f"{LAST}/kernel", f"{LAST}/bias")}
    learnt = {name: array for name, array in drawn.items() if "/moving_" not in name}
    return {
        "input_1": {},
        "model_1": learnt | drawn,
        LAST: last,
        "reshape_1": {},
        "input_2": {},
        "lambda_1": {},
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keras")


def written(folder: Path, variant: str) -> Path:
    path = folder / f"{variant}.h5"
    return path if path.exists() else write(path, layers_of(spec_of(variant)))


def raw(
    folder: Path,
    model: keras.Model,
    weights: Mapping[str, np.ndarray],
    wanted: Input,
    images: np.ndarray,
) -> np.ndarray:
    """What the last convolution gives in ONNX, HWC."""
    _, rows, columns, channels = model.output_shape
    graph = Graph("raw")
    (made,) = emit(graph, model, weights, [graph.image(wanted)])
    graph.output(Port("raw", "float32", ("B", channels, rows, columns)), made)
    path = folder / "raw.onnx"
    with path.open("wb") as file:
        graph.write(file, {})
    return open_session(path, device="cpu").run({"image": images})["raw"].transpose(0, 2, 3, 1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_last_layer_says_what_the_original_says(
    variant: str, golden: dict[str, np.ndarray], files: Path, tmp_path: Path
) -> None:
    spec = spec_of(variant)
    model = hollow(lambda: yolov2.build(spec))
    filled = from_keras(model, written(files, variant))
    got = raw(tmp_path, model, filled, spec.input, picture()[np.newaxis]).ravel()
    largest = golden[f"{variant}/largest"]
    sample = got[:: got.size // 1000]
    assert np.abs(sample - golden[f"{variant}/raw"]).max() <= TOLERANCE * largest
    assert np.abs(got).max() == pytest.approx(largest, rel=TOLERANCE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_has_as_many_numbers_as_the_original(
    variant: str, golden: dict[str, np.ndarray]
) -> None:
    model = hollow(lambda: yolov2.build(spec_of(variant)))
    counted = sum(np.prod(v.shape) for v in variables(model).values())
    assert counted == golden[f"{variant}/numbers"]


def test_the_specs_count_is_the_originals(golden: dict[str, np.ndarray]) -> None:
    parameters = ZOO["raccoon"].parameters
    assert parameters is not None
    assert parameters.numbers == golden["mobilenet/numbers"]


def test_boxes_are_the_originals(
    golden: dict[str, np.ndarray], files: Path, tmp_path: Path
) -> None:
    session = export(ZOO["raccoon"], written(files, "mobilenet"), tmp_path)
    feeds = {"image": picture()[np.newaxis]}
    got = session.run(feeds | {"score_threshold": golden["mobilenet/threshold"]})
    wanted = golden["mobilenet/boxes"]
    assert len(got["scores"]) == len(wanted)
    assert np.abs(got["scores"] - wanted[:, 0]).max() <= TOLERANCE
    assert difference(got["boxes"], wanted[:, 1:]) <= TOLERANCE


def test_a_file_of_a_whole_model_is_read_too(files: Path, tmp_path: Path) -> None:
    spec = ZOO["raccoon"]
    whole = write(tmp_path / "whole.h5", layers_of(spec), whole=True)
    alone = yolov2.convert(spec, [written(files, "mobilenet")])
    assert yolov2.convert(spec, [whole]).model({}) == alone.model({})


def test_a_file_of_the_backbone_alone_is_refused(tmp_path: Path) -> None:
    layers = layers_of(ZOO["raccoon"])
    path = write(tmp_path / "mobilenet_backend.h5", {"model_1": layers["model_1"]})
    why = r"wanted a tensor for every variable, got none for DetectionLayer/kernel"
    with pytest.raises(BadWeights, match=why):
        yolov2.convert(ZOO["raccoon"], [path])


def test_a_tensor_that_has_no_place_is_refused(tmp_path: Path) -> None:
    layers = layers_of(ZOO["raccoon"]) | {"dense_1": {"dense_1/kernel": np.zeros((2, 2))}}
    path = write(tmp_path / "more.h5", layers)
    with pytest.raises(BadWeights, match=r"without: dense_1/kernel \(2, 2\)"):
        yolov2.convert(ZOO["raccoon"], [path])


def test_a_tensor_of_another_shape_is_refused(tmp_path: Path) -> None:
    layers = layers_of(ZOO["raccoon"])
    kernel = {f"{LAST}/kernel": np.zeros((1, 1, 1024, 60), np.float32)}
    path = write(tmp_path / "two.h5", layers | {LAST: layers[LAST] | kernel})
    with pytest.raises(BadWeights, match=r"DetectionLayer/kernel: wanted \(1, 1, 1024, 30\)"):
        yolov2.convert(ZOO["raccoon"], [path])


@pytest.mark.parametrize(
    ("variant", "side"),
    [
        pytest.param("full", 64, marks=pytest.mark.slow),
        pytest.param("keras-full", 64, marks=pytest.mark.slow),
        ("tiny-coco", 96),
        ("keras-tiny", 64),
        ("mobilenet", 160),
        ("mobilenet-0.25", 96),
        ("mobilenet-folded-0.5", 96),
    ],
)
def test_onnx_says_what_keras_says(variant: str, side: int, tmp_path: Path) -> None:
    spec = replace(spec_of(variant), variant=variant, input=Input(side + 32, side))
    model = yolov2.build(spec)
    fill(model, seed=5)
    images = np.random.default_rng(6).integers(0, 256, (3, side, side + 32, 3), np.uint8)
    wanted = np.asarray(model(images.astype(np.float32) / 255, training=False))
    assert wanted.shape == (3, side // 32, side // 32 + 1, 5 * (5 + len(spec.labels)))
    for count in (1, 3):
        got = raw(tmp_path, model, values(model), spec.input, images[:count])
        assert difference(got, wanted[:count]) <= TOLERANCE
