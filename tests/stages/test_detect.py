"""What a detector is told to leave out, and what it sees in parts of a picture."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from models.results import Detections
from stages.detect import Detect, DetectOptions
from stages.errors import BadOptions
from stages.stage import StageContext
from tests.factory import frame_of
from tests.stages.own import own_model

SIDE = 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `dots.onnx`: finds every pixel brighter than half, dots or, from 200, spots."""
    place = tmp_path_factory.mktemp("dots")
    make = helper.make_node

    def number(name: str, values: list[float], kind: int, shape: list[int]) -> onnx.TensorProto:
        return helper.make_tensor(name, kind, shape, values)

    nodes = [
        make("Cast", ["image"], ["light"], to=TensorProto.FLOAT),
        make("ReduceMean", ["light", "channels"], ["grey"], keepdims=0),
        make("Greater", ["grey", "half"], ["bright"]),
        make("NonZero", ["bright"], ["found"]),  # rows: picture, y, x
        make("Transpose", ["found"], ["places"], perm=[1, 0]),
        make("GatherND", ["grey", "places"], ["levels"]),
        make("Div", ["levels", "most"], ["scores"]),
        make("Greater", ["levels", "spot"], ["large"]),
        make("Cast", ["large"], ["classes"], to=TensorProto.INT64),
        make("Gather", ["places", "first"], ["batch"], axis=1),
        make("Gather", ["places", "xy"], ["corner"], axis=1),
        make("Cast", ["corner"], ["pixels"], to=TensorProto.FLOAT),
        make("Concat", ["pixels", "pixels"], ["twice"], axis=1),
        make("Add", ["twice", "extent"], ["inside"]),
        make("Div", ["inside", "side"], ["boxes"]),
    ]
    floats, ints = TensorProto.FLOAT, TensorProto.INT64
    graph = helper.make_graph(
        nodes,
        "dots",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["B", SIDE, SIDE, 3])],
        [
            helper.make_tensor_value_info("boxes", floats, ["N", 4]),
            helper.make_tensor_value_info("scores", floats, ["N"]),
            helper.make_tensor_value_info("classes", ints, ["N"]),
            helper.make_tensor_value_info("batch", ints, ["N"]),
        ],
        [
            number("channels", [3], ints, [1]),
            number("half", [127.0], floats, []),
            number("most", [255.0], floats, []),
            number("spot", [199.0], floats, []),
            number("first", [0], ints, []),
            number("xy", [2, 1], ints, [2]),
            number("extent", [0, 0, 1, 1], floats, [4]),
            number("side", [float(SIDE)], floats, []),
        ],
    )
    own_model(
        place / "dots.onnx",
        graph,
        f"task: detect\ninput: {{width: {SIDE}, height: {SIDE}, fit: stretch}}\n"
        "labels: [dot, spot]\n",
    )
    return place


def detect(folder: Path, **options: object) -> Detect:
    told = DetectOptions.model_validate({"model": "dots.onnx", **options})
    return Detect(told, StageContext("find", folder=folder, device="cpu"))


def dark(size: int = SIDE) -> NDArray[np.uint8]:
    return np.zeros((size, size, 3), np.uint8)


def look(stage: Detect, pixels: NDArray[np.uint8]) -> Detections:
    (found,) = stage.run([frame_of(pixels)])
    return found


def middles(found: Detections) -> list[tuple[float, float]]:
    return [
        (round(float(x1 + x2) / 2, 3), round(float(y1 + y2) / 2, 3))
        for x1, y1, x2, y2 in found.boxes
    ]


def test_the_surest_come_first_and_no_more_than_asked_for(folder: Path) -> None:
    pixels = dark()
    for n in range(20):
        pixels[1 + n, 3] = 150 + 5 * n
    found = look(detect(folder, most=5), pixels)
    assert (found.scores * 255).round().tolist() == [245, 240, 235, 230, 225]


def test_only_the_classes_asked_for_are_reported_each_from_its_own_score(folder: Path) -> None:
    pixels = dark()
    pixels[4, 4], pixels[8, 8], pixels[12, 12] = 140, 180, 220
    assert len(look(detect(folder), pixels)) == 3
    assert look(detect(folder, classes=["spot"]), pixels).classes.tolist() == [1]
    strict = look(detect(folder, scores={"dot": 0.6}), pixels)
    assert (strict.scores * 255).round().tolist() == [220, 180]
    lax = look(detect(folder, score=0.9, scores={"dot": 0.5}), pixels)
    assert (lax.scores * 255).round().tolist() == [180, 140]


@pytest.mark.parametrize(
    ("name", "hint"), [("spots", r"did you mean spot\?"), ("cat", "it knows dot, spot")]
)
@pytest.mark.parametrize("key", ["classes", "scores"])
def test_a_class_that_the_model_does_not_know_is_named(
    folder: Path, key: str, name: str, hint: str
) -> None:
    told = {"classes": ["dot", name], "scores": {"dot": 0.5, name: 0.5}}[key]
    with pytest.raises(
        BadOptions, match=f"find.{key}: wanted classes of dots.onnx, got '{name}'; {hint}"
    ):
        detect(folder, **{key: told})


def test_things_outside_all_regions_are_left_out(folder: Path) -> None:
    pixels = dark()
    pixels[4, 4] = pixels[4, 28] = pixels[28, 16] = 255
    upper_left = ((0, 0), (0.5, 0), (0.5, 0.5), (0, 0.5))
    below = ((0, 0.75), (1, 0.75), (0.5, 1.0))
    found = look(detect(folder, regions=[upper_left, below]), pixels)
    assert sorted(middles(found)) == [(0.141, 0.141), (0.516, 0.891)]


def test_tiles_show_what_is_too_small_in_the_whole(folder: Path) -> None:
    pixels = dark(128)
    pixels[20:22, 100:102] = 255  # of 128 pixels; in the whole 32 it is a shade of grey
    assert len(look(detect(folder, score=0.9), pixels)) == 0
    found = look(detect(folder, score=0.9, tiles={"columns": 4, "rows": 4, "overlap": 0}), pixels)
    assert len(found)
    assert middles(found)[0] == pytest.approx((100.5 / 128, 20.5 / 128), abs=1 / 128)


def test_a_thing_in_the_overlap_of_tiles_is_reported_once(folder: Path) -> None:
    pixels = dark(64)
    pixels[30:34, 30:34] = 255
    tiles = {"columns": 2, "rows": 2, "overlap": 0.5}
    found = look(detect(folder, score=0.9, iou=0.05, tiles=tiles), pixels)
    boxes = found.boxes * 64
    for row, box in enumerate(boxes):
        for other in boxes[row + 1 :]:
            wide = min(box[2], other[2]) - max(box[0], other[0])
            high = min(box[3], other[3]) - max(box[1], other[1])
            assert wide <= 0.2 or high <= 0.2


def test_a_thousand_things_end(folder: Path) -> None:
    pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
    assert len(look(detect(folder), pixels)) == 300
    assert len(look(detect(folder, most=5000), pixels)) == SIDE * SIDE
    tiles = {"columns": 3, "rows": 3}
    assert len(look(detect(folder, most=5000, tiles=tiles), pixels)) >= SIDE * SIDE


def test_frames_of_a_batch_keep_their_own(folder: Path) -> None:
    one, other = dark(), dark()
    one[4, 4], other[8, 8], other[9, 20] = 255, 255, 250
    stage = detect(folder, tiles={"columns": 1, "rows": 1})
    counts = [len(found) for found in stage.run([frame_of(one), frame_of(other)])]
    assert counts == [1, 2]


def test_other_thresholds_count_from_the_next_picture_on_and_unknown_classes_change_nothing(
    folder: Path,
) -> None:
    pixels = dark()
    pixels[4, 4], pixels[8, 8], pixels[12, 12] = 140, 180, 220
    stage = detect(folder)
    assert len(look(stage, pixels)) == 3
    retuned = DetectOptions.model_validate({"model": "dots.onnx", "score": 0.6})
    stage.retune(retuned)
    assert (look(stage, pixels).scores * 255).round().tolist() == [220, 180]
    unknown = DetectOptions.model_validate({"model": "dots.onnx", "scores": {"cat": 0.1}})
    with pytest.raises(BadOptions, match=r"find\.scores: wanted classes of dots\.onnx, got 'cat'"):
        stage.retune(unknown)
    assert len(look(stage, pixels)) == 2
    stage.retune(DetectOptions.model_validate({"model": "dots.onnx", "scores": {"dot": 0.8}}))
    assert (look(stage, pixels).scores * 255).round().tolist() == [220]
