"""Mask R-CNN finds what Matterport's own code finds with the same weights; see golden/README.md."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import ZOO
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.families import maskrcnn
from models.families.maskrcnn_boxes import anchors
from models.families.maskrcnn_network import BOX_CROP, MASK, MASK_CROP, STRIDES, networks
from models.families.maskrcnn_rois import Crops, Regions, crops, regions
from models.families.maskrcnn_weights import fill
from models.hollow import hollow
from models.readers import h5
from models.session import Session, open_session
from models.spec import Port
from tests.models.conftest import Golden
from tests.models.keras2_file import write
from tests.models.maskrcnn_file import CLASSES, SIZE, WINDOW, digest, drawn, picture
from tests.models.parity import TOLERANCE, difference, export

COCO = ZOO["maskrcnn-coco"]
SPEC = replace(COCO, input=replace(COCO.input, width=SIZE, height=SIZE))
LEVELS = ("fpn_p2", "fpn_p3", "fpn_p4", "fpn_p5")
CELLS = [(SIZE // stride, SIZE // stride) for stride in STRIDES[:-1]]
PICTURES = (0, 1)
SMALL = 128


@pytest.fixture(scope="module")
def said() -> Golden:
    with np.load(Path(__file__).parent / "golden" / "maskrcnn.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def images(said: Golden) -> np.ndarray:
    return np.stack([picture(seed) for seed in said["seeds"].tolist()])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "mask_rcnn_coco.h5"
    return write(path, drawn(CLASSES, "resnet101"))


@pytest.fixture(scope="module")
def whole(file: Path) -> Session:
    return export(SPEC, file, file.parent)


@pytest.fixture(scope="module")
def small(file: Path) -> Session:
    """The same weights for pictures of SMALL pixels a side, which takes a tenth of the time."""
    spec = replace(SPEC, name="small", input=replace(SPEC.input, width=SMALL, height=SMALL))
    return export(spec, file, file.parent)


@pytest.fixture(scope="module")
def steps(file: Path) -> Session:
    """The networks with every output, and each step fed with what the original made before it."""
    parts = hollow(lambda: networks(SIZE, SIZE, CLASSES, "resnet101"))
    weights = fill(h5.read(file), parts.joined())
    graph = Graph("steps")
    *levels, chances, deltas = emit(graph, parts.trunk, weights, [graph.image(SPEC.input)])
    found = regions(graph, chances, deltas, anchors(SIZE, SIZE, STRIDES))

    def cut(boxes: str, cells: int) -> Crops:
        given = graph.input(Port(boxes, "float32", (f"{boxes}_count", 4)))
        zeros = graph.add("ConstantOfShape", [graph.add("Shape", [given], {"end": 1})])
        here = graph.add("Cast", [zeros], {"to": 7})  # int64
        return crops(graph, levels, CELLS, (SIZE, SIZE), Regions(given, here), cells)

    seen = cut("rois", BOX_CROP)
    classes, moves = emit(graph, parts.classifier, weights, [seen.values])
    masked = cut("found", MASK_CROP)
    (masks,) = emit(graph, parts.masks, weights, [masked.values])
    values = {
        **dict(zip(LEVELS, levels, strict=True)),
        "rpn_class": chances,
        "rpn_bbox": deltas,
        "regions": found.boxes,
        "class": seen.in_order(graph, classes),
        "deltas": seen.in_order(graph, moves),
        "masks": masked.in_order(graph, masks),
    }
    axes = {"regions": 2, "class": 2, "rpn_class": 3, "rpn_bbox": 3, "deltas": 3}
    for name, value in values.items():
        shape = tuple(f"{name}_{axis}" for axis in range(axes.get(name, 4)))
        graph.output(Port(name, "float32", shape), value)
    path = file.parent / "steps.onnx"
    with path.open("wb") as target:
        graph.write(target, {})
    return open_session(path, device="cpu")


def boxes_of(found: np.ndarray) -> np.ndarray:
    """x1 y1 x2 y2 in [0, 1], from y1 x1 y2 x2 as the original has them (`utils.denorm_boxes`)."""
    pixels = found[:, [1, 0, 3, 2]] * (SIZE - 1) + (0, 0, 1, 1)
    return (pixels / SIZE).astype(np.float32)


def test_the_file_is_what_the_original_writes(file: Path, said: Golden) -> None:
    assert digest(file) == str(said["digest"])


def test_the_network_has_as_many_numbers_as_the_original(said: Golden) -> None:
    network = hollow(lambda: maskrcnn.build(SPEC))
    assert COCO.parameters is not None
    assert network.count_params() == int(said["parameters"]) == COCO.parameters.numbers


def test_anchors_are_those_of_the_original(said: Golden) -> None:
    got = anchors(SIZE, SIZE, STRIDES)
    assert (len(got), got.dtype) == (36_828, np.float32)
    assert np.abs(got[::397] - said["anchors"]).max() < 1e-7


@pytest.mark.parametrize("number", PICTURES)
def test_each_step_says_what_the_original_says(
    steps: Session, said: Golden, images: np.ndarray, number: int
) -> None:
    rois, found = said[f"rois_{number}"], said[f"found_{number}"]
    feeds = {"image": images[[number]], "rois": rois, "found": found[:, :4]}
    got = steps.run({name: np.ascontiguousarray(array) for name, array in feeds.items()})

    for level in LEVELS:
        wanted = said[f"{level}_{number}"]
        values = got[level].transpose(0, 2, 3, 1).reshape(-1)
        assert difference(values[:: values.size // 150], wanted) <= TOLERANCE
    chances, deltas = said[f"rpn_{number}"][:, :2], said[f"rpn_{number}"][:, 2:]
    assert difference(got["rpn_class"][0, ::397], chances) <= TOLERANCE
    assert difference(got["rpn_bbox"][0, ::397], deltas) <= TOLERANCE
    assert len(got["regions"]) == said[f"regions_{number}"]
    assert difference(got["regions"][said[f"sample_{number}"]], rois) <= TOLERANCE

    assert difference(got["class"][:, ::9], said[f"class_{number}"]) <= TOLERANCE
    assert difference(got["deltas"][:, ::20], said[f"deltas_{number}"]) <= TOLERANCE
    own = got["masks"][np.arange(len(found)), found[:, 4].astype(int)]
    assert difference(own.reshape(len(found), -1)[:, ::29], said[f"masks_{number}"]) <= TOLERANCE


def held(got: dict[str, np.ndarray], found: np.ndarray, masks: np.ndarray, number: int) -> None:
    """Hold one picture's instances to those of the original."""
    mine = got["batch"] == number
    assert (got["classes"][mine] + 1).tolist() == found[:, 4].astype(int).tolist()
    assert difference(got["scores"][mine], found[:, 5]) <= TOLERANCE
    assert difference(got["boxes"][mine], boxes_of(found)) <= TOLERANCE
    bytes_off = got["masks"][mine].reshape(len(found), -1)[:, ::29] - 255 * masks
    assert np.abs(bytes_off).max() <= 0.5 + 255 * TOLERANCE


def test_instances_are_those_of_the_original(
    whole: Session, said: Golden, images: np.ndarray
) -> None:
    got = whole.run({"image": images})
    for number in PICTURES:
        assert len(said[f"found_{number}"]) > 20
        held(got, said[f"found_{number}"], said[f"masks_{number}"], number)


def test_boxes_are_clipped_to_the_window_before_they_are_compared(
    whole: Session, said: Golden, images: np.ndarray
) -> None:
    y1, x1, y2, x2 = WINDOW
    windows = np.array([[x1, y1, x2, y2], [0, 0, SIZE, SIZE]], np.float32) / np.float32(SIZE)
    got = whole.run({"image": images, "window": windows})
    held(got, said["framed_0"], said["framed_masks_0"], 0)
    held(got, said["found_1"], said["masks_1"], 1)


def test_one_window_is_that_of_every_picture(small: Session, images: np.ndarray) -> None:
    window = np.array([[0.25, 0, 0.75, 1]], np.float32)
    batch = {"image": images[:, :SMALL, :SMALL], "score_threshold": np.array(0.6, np.float32)}
    one, each = (small.run({**batch, "window": window.repeat(n, axis=0)}) for n in (1, 2))
    assert set(one["batch"].tolist()) == {0, 1}
    assert one["boxes"][:, 0].min() == pytest.approx(0.25, abs=1e-6)
    assert one["boxes"][:, 2].max() == pytest.approx(0.75, abs=1e-6)
    for name, array in one.items():
        assert (array == each[name]).all()


def test_a_picture_alone_gives_what_it_gives_among_others(
    small: Session, images: np.ndarray
) -> None:
    cut = images[:, :SMALL, :SMALL]
    batch = np.stack([cut[1], np.full_like(cut[0], 120), cut[0]])
    threshold = np.array(0.6, np.float32)
    together = small.run({"image": batch, "score_threshold": threshold})
    assert {0, 2} <= set(together["batch"].tolist())
    for number, image in enumerate(batch):
        alone = small.run({"image": image[np.newaxis], "score_threshold": threshold})
        mine = together["batch"] == number
        assert alone["classes"].tolist() == together["classes"][mine].tolist()
        assert np.allclose(alone["boxes"], together["boxes"][mine], atol=1e-5)
        assert np.allclose(alone["scores"], together["scores"][mine], atol=1e-4)
        off = alone["masks"].astype(int) - together["masks"][mine]
        assert np.abs(off).max(initial=0) <= 1


def test_nothing_found_is_empty_arrays(small: Session, images: np.ndarray) -> None:
    got = small.run(
        {"image": images[:, :SMALL, :SMALL], "score_threshold": np.array(1.1, np.float32)}
    )
    assert {name: array.shape for name, array in got.items()} == {
        "boxes": (0, 4),
        "scores": (0,),
        "classes": (0,),
        "batch": (0,),
        "masks": (0, MASK, MASK),
    }


@pytest.mark.slow
def test_of_a_picture_at_most_a_hundred_are_given(small: Session, images: np.ndarray) -> None:
    got = small.run(
        {"image": images[:, :SMALL, :SMALL], "score_threshold": np.array(0, np.float32)}
    )
    assert np.bincount(got["batch"]).tolist() == [100, 100]
    for number in PICTURES:
        assert (np.diff(got["scores"][got["batch"] == number]) <= 0).all()


def test_levels_must_fit_each_other(tmp_path: Path) -> None:
    odd = replace(COCO, input=replace(COCO.input, width=1000))
    with pytest.raises(ValueError, match="maskrcnn-coco: input: wanted multiples of 64, got 1000x"):
        maskrcnn.convert(odd, [tmp_path / "none.h5"])


@pytest.mark.slow
def test_at_full_size_it_keeps_its_contract(file: Path, images: np.ndarray, tmp_path: Path) -> None:
    session = export(COCO, file, tmp_path)
    image = np.kron(images[:1, :: SIZE // 32, :: SIZE // 32], np.ones((1, 32, 32, 1), np.uint8))
    got = session.run({"image": image})
    assert image.shape == (1, 1024, 1024, 3)
    assert len(got["scores"]) > 0
    assert got["masks"].shape == (len(got["scores"]), MASK, MASK)
