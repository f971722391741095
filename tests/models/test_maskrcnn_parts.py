"""The parts of Mask R-CNN one by one: crops, suppression, boxes, and where its weights go."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from models.errors import BadWeights
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.export.learnt import behind_the_weights
from models.families.maskrcnn_boxes import inside, outside
from models.families.maskrcnn_instances import instances
from models.families.maskrcnn_network import Networks, networks
from models.families.maskrcnn_rois import Regions, crops
from models.families.maskrcnn_weights import fill
from models.hollow import hollow
from models.readers.weights import WeightFile, in_memory
from models.session import open_session
from models.spec import Port
from models.transfer import values
from tests.models.maskrcnn_file import draw_tensor, shapes
from tests.models.parity import TOLERANCE, difference

PICTURE = 512  # pixels a side
CELLS = [(128, 128), (64, 64), (32, 32), (16, 16)]
RANKS = {"boxes": 2, "batch": 1, "scores": 1, "kinds": 1, "classes": 2, "chances": 3, "moves": 3}
Feeds = Mapping[str, np.ndarray]
Build = Callable[[Graph, Mapping[str, str]], Mapping[str, str]]


def run(build: Build, feeds: Feeds, folder: Path) -> dict[str, np.ndarray]:
    """What a graph of these inputs makes of them; `build` names the values to give out."""
    graph = Graph("part")
    given = {
        name: graph.input(Port(name, array.dtype.name, (f"{name}_n", *array.shape[1:])))
        for name, array in feeds.items()
    }
    for name, value in build(graph, given).items():
        dtype = "int64" if name in {"kinds", "batch"} else "float32"
        shape = tuple(f"{name}_{axis}" for axis in range(RANKS.get(name, 4)))
        graph.output(Port(name, dtype, shape), value)
    path = folder / "part.onnx"
    with path.open("wb") as file:
        graph.write(file, {})
    return open_session(path, device="cpu").run(feeds)


def crop_and_resize(level: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """TensorFlow's, after its documentation: corners on the edges of the box, bilinear."""
    height, width = level.shape[1:]
    y = np.linspace(box[0], box[2], size) * (height - 1)
    x = np.linspace(box[1], box[3], size) * (width - 1)
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    down, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    dy, dx = (y - top)[:, np.newaxis], x - left
    above = level[:, top][:, :, left] * (1 - dx) + level[:, top][:, :, right] * dx
    below = level[:, down][:, :, left] * (1 - dx) + level[:, down][:, :, right] * dx
    return above * (1 - dy) + below * dy


def test_each_region_is_cut_out_of_the_level_that_fits_it(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    levels = [random.standard_normal((2, 3, *cells), np.float32) for cells in CELLS]
    # Sides in pixels, and the level by equation 1 of the paper: 4 + log2(side / 224), rounded.
    sides = {20: 2, 100: 3, 200: 4, 330: 5, 60: 2, 500: 5, 4: 2}
    corner = random.uniform(0, 1, (len(sides), 2)) * (1 - np.array([*sides])[:, None] / PICTURE)
    size = np.array([*sides])[:, None] / PICTURE
    boxes = np.hstack([corner, corner + size]).astype(np.float32)
    boxes[-1] = boxes[-1, :1]  # without any size
    picture = np.array([0, 1, 0, 1, 1, 0, 1])

    def build(graph: Graph, given: Mapping[str, str]) -> Mapping[str, str]:
        names = [given[f"p{number}"] for number in (2, 3, 4, 5)]
        seen = crops(graph, names, CELLS, (PICTURE, PICTURE), Regions(given["b"], given["n"]), 7)
        return {"crops": seen.in_order(graph, seen.values)}

    feeds = {f"p{number}": level for number, level in enumerate(levels, 2)}
    got = run(build, {**feeds, "b": boxes, "n": picture}, tmp_path)["crops"]
    for crop, box, where, level in zip(got, boxes, picture, sides.values(), strict=True):
        assert np.abs(crop - crop_and_resize(levels[level - 2][where], box, 7)).max() < 1e-3


def found(
    rows: list[tuple[int, float, int, tuple[float, float, float, float]]],
    windows: list[tuple[float, float, float, float]],
    folder: Path,
) -> dict[str, np.ndarray]:
    """Instances of regions given as picture, score, class of three and nothing, y1 x1 y2 x2."""
    chances = np.zeros((len(rows), 4), np.float32)
    for row, (_, score, kind, _) in zip(chances, rows, strict=True):
        row[:] = (1 - score) / 3
        row[kind] = score
    feeds = {
        "n": np.array([picture for picture, *_ in rows]),
        "b": np.array([box for *_, box in rows], np.float32),
        "c": chances,
        "d": np.zeros((len(rows), 4, 4), np.float32),
        "w": np.array(windows, np.float32),
    }

    def build(graph: Graph, given: Mapping[str, str]) -> Mapping[str, str]:
        regions = Regions(given["b"], given["n"])
        made = instances(graph, regions, given["c"], given["d"], given["w"], 4)
        return {
            "boxes": made.regions.boxes,
            "batch": made.regions.picture,
            "scores": made.scores,
            "kinds": made.classes,
        }

    return run(build, feeds, folder)


WHOLE = (0.0, 0.0, 1.0, 1.0)
HERE = (0.1, 0.1, 0.4, 0.4)
NEAR = (0.1, 0.1, 0.4, 0.42)


def test_of_a_class_in_a_picture_the_surest_of_those_that_overlap_stays(tmp_path: Path) -> None:
    rows = [
        (0, 0.8, 1, NEAR),  # one of its class is surer
        (0, 0.75, 2, NEAR),
        (0, 0.9, 1, HERE),
        (0, 0.95, 0, (0.6, 0.6, 0.9, 0.9)),  # nothing
        (0, 0.69, 3, (0.6, 0.6, 0.9, 0.9)),  # not sure enough
        (0, 0.99, 3, (0.5, 0.5, 0.5, 0.9)),  # empty
        (2, 0.7, 1, HERE),  # just sure enough, and in another picture
        (2, 0.71, 1, (0.6, 0.6, 0.9, 0.9)),
    ]
    got = found(rows, [WHOLE] * 3, tmp_path)
    assert got["batch"].tolist() == [0, 0, 2, 2]
    assert got["scores"] == pytest.approx([0.9, 0.75, 0.71, 0.7])
    assert got["kinds"].tolist() == [0, 1, 0, 0]
    assert np.allclose(got["boxes"], [HERE, NEAR, (0.6, 0.6, 0.9, 0.9), HERE], atol=1e-6)


def test_a_box_outside_of_its_window_is_none(tmp_path: Path) -> None:
    rows = [(0, 0.9, 1, HERE), (1, 0.9, 1, HERE), (1, 0.8, 1, (0.6, 0.6, 0.9, 0.9))]
    got = found(rows, [WHOLE, (0.5, 0, 0.75, 1)], tmp_path)
    assert got["batch"].tolist() == [0, 1]
    assert np.allclose(got["boxes"], [HERE, (0.6, 0.6, 0.75, 0.9)], atol=1e-6)


def test_each_picture_has_a_hundred_places(tmp_path: Path) -> None:
    places = [
        (y / 12, x / 12, (y + 0.9) / 12, (x + 0.9) / 12) for y in range(12) for x in range(12)
    ]
    rows = [(1, 0.8 + i / 1000, 1 + i % 2, place) for i, place in enumerate(places)]
    rows = [(0, 0.9, 3, HERE), *rows, (2, 0.9, 3, HERE)]
    got = found(rows, [WHOLE] * 3, tmp_path)
    assert np.bincount(got["batch"]).tolist() == [1, 100, 1]
    scores = got["scores"][1:101]
    assert scores == pytest.approx([0.8 + i / 1000 for i in range(143, 43, -1)])


def test_a_box_over_all_pixels_is_all_of_the_picture(tmp_path: Path) -> None:
    """Matterport's 1 is the last pixel, the contract's 1 the end of it."""
    theirs = np.array([WHOLE, (0, 0, 0, 0), (3 / 9, 2 / 19, 6 / 9, 4 / 19)], np.float32)
    ours = np.array([WHOLE, (0, 0, 1 / 20, 1 / 10), (0.1, 0.3, 5 / 20, 7 / 10)], np.float32)
    # Pictures of 10 x 20 pixels.
    got = run(lambda g, n: {"boxes": outside(g, n["b"], 10, 20)}, {"b": theirs}, tmp_path)
    assert np.allclose(got["boxes"], ours, atol=1e-6)
    got = run(lambda g, n: {"boxes": inside(g, n["b"], 10, 20)}, {"b": ours}, tmp_path)
    assert np.allclose(got["boxes"], theirs, atol=1e-6)


@pytest.fixture(scope="module")
def filled_parts() -> Networks:
    built = networks(64, 64, 4, "resnet50")
    for variable in built.joined().variables:
        variable.assign(draw_tensor(variable.path, tuple(variable.shape)))
    return built


@pytest.mark.parametrize(
    ("part", "outputs"),
    [
        ("trunk", ("p2", "p3", "p4", "p5", "chances", "moves")),
        ("classifier", ("classes", "moves")),
        ("masks", ("masks",)),
    ],
)
def test_networks_as_onnx_say_what_they_say_in_keras(
    filled_parts: Networks, part: str, outputs: tuple[str, ...], tmp_path: Path
) -> None:
    network = getattr(filled_parts, part)
    _, height, width, channels = network.input_shape
    image = np.random.default_rng(1).standard_normal((3, channels, height, width), np.float32)
    made = network(image.transpose(0, 2, 3, 1), training=False)
    wanted = dict(zip(outputs, made if len(outputs) > 1 else [made], strict=True))

    def build(graph: Graph, given: Mapping[str, str]) -> Mapping[str, str]:
        return dict(zip(outputs, emit(graph, network, values(network), [given["x"]]), strict=True))

    for count in (1, 3):
        got = run(build, {"x": image[:count]}, tmp_path)
        for name, value in wanted.items():
            keras_says = np.asarray(value)[:count]
            if keras_says.ndim == 4:
                keras_says = keras_says.transpose(0, 3, 1, 2)
            assert difference(got[name], keras_says) <= TOLERANCE


@pytest.fixture(scope="module")
def parts() -> Networks:
    return hollow(lambda: networks(64, 64, 5, "resnet50"))


def weight_file(changes: Mapping[str, tuple[int, ...] | None]) -> WeightFile:
    """Zeros of the right names and shapes, which take no memory; None takes a tensor away."""
    layers = shapes(5, "resnet50").items()
    every: dict[str, tuple[int, ...] | None] = {
        name if name.startswith(f"{layer}/") else f"{layer}/{name}": shape
        for layer, weights in layers
        for name, shape in weights.items()
    }
    every |= changes
    return WeightFile(
        "mine.h5",
        {
            name: in_memory(np.broadcast_to(np.float32(0), shape))
            for name, shape in every.items()
            if shape is not None
        },
    )


def test_every_tensor_has_its_place(parts: Networks) -> None:
    filled = fill(weight_file({}), parts.joined())
    assert filled["rpn_conv_shared/kernel"].shape == (3, 3, 256, 512)
    assert filled["mrcnn_class_conv1/kernel"].shape == (7 * 7 * 256, 1024)
    assert not filled.unused


def test_anchors_kept_in_a_file_are_named_unused(parts: Networks) -> None:
    filled = fill(weight_file({"anchors/Variable": (2, 1023, 4)}), parts.joined())
    assert filled.unused == {"anchors/Variable": "the anchors, which the graph makes itself"}


def test_names_that_tensorflow_has_numbered_are_known(parts: Networks) -> None:
    changes = {
        "rpn_model/rpn_conv_shared/kernel": None,
        "rpn_model/rpn_conv_shared_2/kernel": (3, 3, 256, 512),
        "fpn_p2/kernel": None,
        "fpn_p2/fpn_p2_3/kernel": (3, 3, 256, 256),
    }
    filled = fill(weight_file(changes), parts.joined())
    assert "rpn_model/rpn_conv_shared_2/kernel" in filled.used
    assert filled["fpn_p2/kernel"].shape == (3, 3, 256, 256)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fpn_p3/bias": None}, r"mine.h5: .* got none for fpn_p3/bias \(256,\)"),
        ({"mine/kernel": (3,)}, r"mine.h5: .* got without: mine/kernel \(3,\)"),
    ],
)
def test_a_tensor_too_few_or_too_many_is_named(
    parts: Networks, changes: Mapping[str, tuple[int, ...] | None], message: str
) -> None:
    with pytest.raises(BadWeights, match=message):
        fill(weight_file(changes), parts.joined())


@pytest.mark.parametrize(
    ("tensor", "shape"),
    [
        ("mrcnn_class_logits/kernel", (1024, 81)),
        ("mrcnn_class_conv1/kernel", (7, 7, 128, 1024)),
        ("mrcnn_class_conv1/kernel", (1, 49, 256, 1024)),
    ],
)
def test_a_tensor_of_another_shape_is_named(
    parts: Networks, tensor: str, shape: tuple[int, ...]
) -> None:
    filled = fill(weight_file({tensor: shape}), parts.joined())
    with pytest.raises(BadWeights, match=rf"mine.h5: tensor {tensor}: wanted .* got \({shape[0]},"):
        filled[tensor]


def test_what_says_where_to_look_is_no_part_of_the_learnt_layers(parts: Networks) -> None:
    """So that in fewer bits boxes keep all of theirs, though learnt layers come behind them."""
    graph = Graph("cut")
    level = graph.input(Port("level", "float32", ("B", 256, 8, 8)))
    boxes = graph.input(Port("boxes", "float32", ("M", 4)))
    picture = graph.input(Port("picture", "int64", ("M",)))
    seen = crops(graph, [level], [(8, 8)], (512, 512), Regions(boxes, picture), 14)
    weights = fill(weight_file({}), parts.joined())
    (made,) = emit(graph, parts.masks, weights, [seen.values])
    graph.output(Port("masks", "float32", ("M", 5, 28, 28)), made)
    nodes = graph.model({}).graph
    behind = set(behind_the_weights(nodes))
    kinds = {node.op_type for node in nodes.node if node.name not in behind}
    assert kinds == {"RoiAlign", "Concat", "Conv", "Relu", "ConvTranspose"}
