"""Detectors that find far too much, or what is no box; and Mask R-CNN, whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from models import ZOO
from models.errors import BadModel
from models.results import Detections
from models.sidecar import write_sidecar
from stages.detect import Detect, DetectOptions
from stages.stage import StageContext
from tests.factory import frame_of, grey_frame
from tests.models.keras2_file import write
from tests.models.maskrcnn_file import CLASSES, drawn, picture
from tests.models.parity import export
from tests.stages.own import own_model

COUNT = 5000
SIDE = 128


def says(folder: Path, boxes: np.ndarray, scores: np.ndarray, picture: int = 0) -> None:
    """Write `fixed.onnx`, a detector that finds the same whatever it is shown."""
    given = {
        "boxes": boxes.astype(np.float32),
        "scores": scores.astype(np.float32),
        "classes": np.zeros(len(boxes), np.int64),
        "batch": np.full(len(boxes), picture, np.int64),
    }
    infos = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), ["N", *array.shape[1:]]
        )
        for name, array in given.items()
    ]
    graph = helper.make_graph(
        [helper.make_node("Identity", [f"{name}_said"], [name]) for name in given],
        "fixed",
        [helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, ["B", 8, 8, 3])],
        infos,
        [numpy_helper.from_array(array, f"{name}_said") for name, array in given.items()],
    )
    own_model(
        folder / "fixed.onnx",
        graph,
        "task: detect\ninput: {width: 8, height: 8, fit: stretch}\nlabels: [thing]\n",
    )


def detect(folder: Path, **options: object) -> Detect:
    told = DetectOptions.model_validate({"model": "fixed.onnx", **options})
    return Detect(told, StageContext("find", folder=folder, device="cpu"))


def look(folder: Path, **options: object) -> Detections:
    (found,) = detect(folder, **options).run([grey_frame(0)])
    return found


@pytest.mark.parametrize("tiles", [None, {"columns": 2, "rows": 2}])
def test_of_five_thousand_boxes_the_surest_are_kept(tmp_path: Path, tiles: object) -> None:
    x, y = np.meshgrid(np.arange(100) / 100, np.arange(50) / 50)
    corners = np.stack([x.ravel(), y.ravel()], axis=1)
    scores = np.random.default_rng(1).permutation(COUNT) / COUNT * 0.5 + 0.5
    says(tmp_path, np.concatenate([corners, corners + 0.009], axis=1), scores)
    found = look(tmp_path, tiles=tiles)
    assert found.scores == pytest.approx(np.sort(scores)[::-1][:300])
    assert len(look(tmp_path, most=COUNT, regions=[((0, 0), (1, 0), (0, 1))])) < COUNT


@pytest.mark.parametrize("tiles", [None, {"columns": 2, "rows": 2}])
def test_boxes_and_scores_that_are_no_numbers_are_left_out(tmp_path: Path, tiles: object) -> None:
    nan, inf = np.nan, np.inf
    good = (0.1, 0.2, 0.3, 0.4)
    rows = [good, (nan, 0, 1, 1), (0, 0, inf, 1), (-inf, nan, nan, inf), (0.5, 0.5, 0.9, 0.9)]
    says(tmp_path, np.array(rows), np.array([0.8, 0.9, 0.9, 0.9, nan]))
    found = look(tmp_path, score=0, tiles=tiles, regions=[((0, 0), (1, 0), (1, 1), (0, 1))])
    assert found.boxes == pytest.approx(np.array([good]), abs=1e-6)
    assert found.partial


@pytest.mark.parametrize("tiles", [None, {"columns": 2, "rows": 2}])
def test_it_says_when_there_may_be_more(tmp_path: Path, tiles: object) -> None:
    says(tmp_path, np.array([(0.1, 0.1, 0.2, 0.2), (0.6, 0.6, 0.9, 0.9)]), np.array([0.9, 0.8]))
    # Of the same things in each tile, those at other places are others.
    count = len(look(tmp_path, tiles=tiles))
    assert not look(tmp_path, tiles=tiles, most=count).partial
    assert look(tmp_path, tiles=tiles, most=1).partial


@pytest.mark.parametrize("picture", [-1, 1, 9])
def test_things_in_pictures_that_were_not_shown_are_told(tmp_path: Path, picture: int) -> None:
    says(tmp_path, np.zeros((1, 4)), np.ones(1), picture)
    with pytest.raises(BadModel, match=f"in 1 pictures, got some in {picture} to {picture}"):
        look(tmp_path)


def test_scores_that_are_fewer_than_boxes_are_told(tmp_path: Path) -> None:
    says(tmp_path, np.zeros((2, 4)), np.ones(1))
    with pytest.raises(BadModel, match="as many of each, got 2 boxes, 1 scores, 2 classes"):
        look(tmp_path)


def test_a_model_that_gives_as_many_as_it_can_may_have_seen_more(tmp_path: Path) -> None:
    x = np.arange(300)[:, None] / 300
    says(tmp_path, np.hstack([x, x, x + 0.003, x + 0.003]), np.full(300, 0.9))
    assert look(tmp_path, most=1000).partial
    assert not look(tmp_path, most=1000, score=0.95).partial


def test_nothing_found_in_any_tile_is_an_empty_result(tmp_path: Path) -> None:
    says(tmp_path, np.empty((0, 4)), np.empty(0))
    assert len(look(tmp_path, tiles={"columns": 3, "rows": 3})) == 0


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `small.onnx`: Mask R-CNN with seeded weights, for SIDE x SIDE pixels."""
    folder = tmp_path_factory.mktemp("instances")
    coco = ZOO["maskrcnn-coco"]
    spec = replace(coco, name="small", input=replace(coco.input, width=SIDE, height=SIDE))
    export(spec, write(folder / "small.h5", drawn(CLASSES, "resnet101")), folder)
    write_sidecar(folder / "small.onnx", spec)
    return folder


def test_instances_lie_on_the_picture_and_bring_their_masks(instances: Path) -> None:
    stage = detect(instances, model="small.onnx", score=0.6)
    pixels = picture(0)[: SIDE // 2, :SIDE]  # twice as wide as high: bars above and below
    alone, other = frame_of(pixels), frame_of(picture(1)[:SIDE, : SIDE // 2])
    found, beside = stage.run([alone, other])
    for one in (found, beside):
        assert len(one) > 0
        assert one.masks is not None
        assert one.masks.shape == (len(one), 28, 28)
        assert one.masks.std() > 0
        # The window keeps the model from finding things in the bars.
        assert one.boxes.min() >= -1e-5
        assert one.boxes.max() <= 1 + 1e-5
    (again,) = stage.run([alone])
    assert again.classes.tolist() == found.classes.tolist()
    assert again.boxes == pytest.approx(found.boxes, abs=1e-4)


def test_instances_of_tiles_keep_the_mask_that_belongs_to_them(instances: Path) -> None:
    told: dict[str, object] = {"model": "small.onnx", "score": 0.6}
    frame = frame_of(picture(0)[:SIDE, :SIDE])
    (whole,) = detect(instances, **told).run([frame])
    (found,) = detect(instances, **told, tiles={"columns": 2}).run([frame])
    assert found.masks is not None
    assert whole.masks is not None
    of_whole = 0
    for row, box in enumerate(found.boxes):
        for same in np.flatnonzero(np.abs(whole.boxes - box).max(axis=1) < 1e-4):
            if whole.classes[same] == found.classes[row]:
                of_whole += 1
                assert np.abs(whole.masks[same].astype(int) - found.masks[row]).max() <= 2
    assert 0 < of_whole < len(found)
