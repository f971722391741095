"""Whole pictures, parts of them, and the things that were found in them, are named."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from models.errors import BadModel
from models.results import Detections, Labels
from stages.classify import Classify, ClassifyOptions
from stages.errors import BadOptions
from stages.frame import Frame
from stages.stage import StageContext
from tests.factory import detections, frame_of
from tests.stages.own import own_model

RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `colour.onnx`: how much of a picture's light is red, green and blue."""
    place = tmp_path_factory.mktemp("colour")
    nodes = [
        helper.make_node("Cast", ["image"], ["light"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["light", "places"], ["sums"], keepdims=0),
        helper.make_node("ReduceSum", ["sums", "channels"], ["all"], keepdims=1),
        helper.make_node("Div", ["sums", "all"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colour",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["B", 8, 8, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["B", 3])],
        [
            helper.make_tensor("places", TensorProto.INT64, [2], [1, 2]),
            helper.make_tensor("channels", TensorProto.INT64, [1], [1]),
        ],
    )
    own_model(
        place / "colour.onnx",
        graph,
        "task: classify\ninput: {width: 8, height: 8, fit: stretch}\nlabels: [red, green, blue]\n",
    )
    return place


def classify(folder: Path, inputs: tuple[str, ...] = ("find",), **options: object) -> Classify:
    told = ClassifyOptions.model_validate({"model": "colour.onnx", **options})
    return Classify(told, StageContext("name", folder=folder, device="cpu", inputs=inputs))


def halves(left: tuple[int, int, int], right: tuple[int, int, int]) -> NDArray[np.uint8]:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[:, :100], pixels[:, 100:] = left, right
    return pixels


LEFT, RIGHT = (0.05, 0.2, 0.4, 0.8), (0.6, 0.2, 0.95, 0.8)


def with_tracks(found: Detections, *tracks: int) -> Detections:
    return Detections(
        found.boxes, found.scores, found.classes, found.labels, tracks=np.array(tracks, np.int64)
    )


def names(said: Labels | Detections | None) -> list[str]:
    assert said is not None
    return [said.labels[number] for number in said.classes]


def frame(pixels: NDArray[np.uint8], found: Detections | None = None, seq: int = 0) -> Frame:
    return frame_of(pixels, seq, results={} if found is None else {"find": found})


def test_a_region_is_all_that_is_looked_at(folder: Path) -> None:
    pixels = halves(RED, BLUE)
    whole, right = classify(folder), classify(folder, region=(0.6, 0.0, 1.0, 1.0), top=1)
    (said,) = whole.run([frame(pixels)])
    assert isinstance(said, Labels)
    assert said.scores[:2] == pytest.approx([0.5, 0.5], abs=0.01)
    assert names(right.run([frame(pixels)])[0]) == ["blue"]


def test_each_thing_of_all_frames_is_named_in_its_place(folder: Path) -> None:
    stage = classify(folder, crop=True)
    two, one = detections(LEFT, RIGHT), detections(RIGHT)
    first, second = stage.run([frame(halves(RED, BLUE), two), frame(halves(RED, GREEN), one)])
    assert (names(first), names(second)) == (["red", "blue"], ["green"])
    assert isinstance(first, Detections)
    assert first.boxes == pytest.approx(two.boxes)
    assert first.scores == pytest.approx([1, 1], abs=0.01)


def test_only_the_classes_asked_for_are_looked_at(folder: Path) -> None:
    stage = classify(folder, crop="car")
    found = detections(LEFT, RIGHT, classes=[0, 2])
    assert names(stage.run([frame(halves(RED, BLUE), found)])[0]) == ["blue"]


def test_things_that_do_not_show_are_left_out(folder: Path) -> None:
    stage = classify(folder, crop=True)
    odd = ((0.5, 0.5, 0.5, 0.5), (np.nan, 0, 1, 1), (2, 2, 3, 3), (0.9, 0.9, 0.1, 0.1))
    found = detections(*odd, RIGHT)
    assert names(stage.run([frame(halves(RED, BLUE), found)])[0]) == ["blue"]
    assert names(stage.run([frame(halves(RED, BLUE), detections(odd[0]))])[0]) == []


def test_a_crowd_is_looked_at_in_several_calls(folder: Path) -> None:
    stage = classify(folder, crop=True)
    said = stage.run([frame(halves(RED, BLUE), detections(*[LEFT, RIGHT] * 50))])[0]
    assert names(said) == ["red", "blue"] * 50


def test_a_track_is_what_most_looks_said_and_is_looked_at_no_more(folder: Path) -> None:
    stage = classify(folder, crop=True, votes=3)
    found = with_tracks(detections(LEFT), 7)
    seen = []
    for seq, colour in enumerate([RED, BLUE, RED, BLUE, BLUE, BLUE]):
        seen.append(names(stage.run([frame(halves(colour, GREEN), found, seq)])[0]))
    assert seen[2:] == [["red"]] * 4


def test_a_frame_at_which_nobody_looked_passes_by(folder: Path) -> None:
    assert classify(folder, crop=True).run([frame(halves(RED, BLUE))]) == [None]


def test_things_to_look_at_want_a_node_that_finds_them(folder: Path) -> None:
    with pytest.raises(BadOptions, match="wanted a node that finds things, got none"):
        classify(folder, inputs=(), crop=True)


@pytest.mark.parametrize(
    ("labels", "twice", "wrong"),
    [("[a, b]", False, "2"), ("[a, b, c, d, e, f]", False, "6"), ("[a, b, c]", True, "1 rows")],
)
def test_a_model_that_does_not_fit_its_labels_is_told(
    tmp_path: Path, labels: str, wrong: str, *, twice: bool
) -> None:
    """Its file says neither how many classes nor how many rows it gives; it gives three."""
    numbers = {"three": 3, "nought": 0, "first": 1}
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["light"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["light"], ["flat"], axis=1),
            helper.make_node("Shape", ["image"], ["pictures"], start=0, end=1),
            helper.make_node("Mul", ["pictures", "three"], ["end"]),
            helper.make_node("Slice", ["flat", "nought", "end", "first"], ["some"]),
            helper.make_node("Concat", ["some"] * (1 + twice), ["probabilities"], axis=0),
        ],
        "loose",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["B", 8, 8, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["R", "C"])],
        [helper.make_tensor(name, TensorProto.INT64, [1], [n]) for name, n in numbers.items()],
    )
    told = "task: classify\ninput: {width: 8, height: 8, fit: stretch}\nlabels: "
    own_model(tmp_path / "colour.onnx", graph, f"{told}{labels}\n")
    for options in ({}, {"crop": True}):
        stage = classify(tmp_path, **options)
        with pytest.raises(BadModel, match=wrong):
            stage.run([frame(halves(RED, BLUE), detections(LEFT))])
