"""A segmenter's map covers the picture and nothing else, and says when something comes."""

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from pycocotools import mask as coco

from models.errors import BadModel
from models.results import Segmentation
from stages.errors import BadOptions
from stages.segment import Segment, SegmentOptions
from stages.stage import StageContext
from tests.factory import frame_of
from tests.stages.own import own_model

if TYPE_CHECKING:
    from stages.events import Event

SIDE = 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `steps.onnx`: each pixel's class is its grey divided by 100, so 0, 1 or 2."""
    place = tmp_path_factory.mktemp("steps")
    nodes = [
        helper.make_node("Cast", ["image"], ["light"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["light", "channels"], ["grey"], keepdims=0),
        helper.make_node("Div", ["grey", "step"], ["share"]),
        helper.make_node("Cast", ["share"], ["classes"], to=TensorProto.UINT8),
    ]
    graph = helper.make_graph(
        nodes,
        "steps",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["B", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("classes", TensorProto.UINT8, ["B", SIDE, SIDE])],
        [
            helper.make_tensor("channels", TensorProto.INT64, [1], [3]),
            helper.make_tensor("step", TensorProto.FLOAT, [], [100.0]),
        ],
    )
    for name, fit, labels in (
        ("steps", "letterbox", "[nothing, shaft, tip]"),
        ("few", "letterbox", "[nothing, shaft]"),
    ):
        own_model(
            place / f"{name}.onnx",
            graph,
            f"task: segment\ninput: {{width: {SIDE}, height: {SIDE}, fit: {fit}, pad: 255}}\n"
            f"labels: {labels}\n",
        )
    return place


class Look:
    def __init__(self, folder: Path, **options: object) -> None:
        self.events: list[Event] = []
        context = StageContext("see", folder=folder, device="cpu", announce=self.events.append)
        told = SegmentOptions.model_validate({"model": "steps.onnx", **options})
        self.stage = Segment(told, context)
        self.seq = 0

    def __call__(self, pixels: NDArray[np.uint8], stream: str = "a") -> Segmentation:
        (said,) = self.stage.run([frame_of(pixels, self.seq, stream)])
        self.seq += 1
        return said


def plain(level: int, width: int = 64, height: int = 32) -> NDArray[np.uint8]:
    return np.full((height, width, 3), level, np.uint8)


def test_the_padding_of_a_letterbox_is_no_part_of_the_map(folder: Path) -> None:
    said = Look(folder)(plain(120))
    assert said.classes.shape == (16, 32)
    assert (said.classes == 1).all()
    assert said.measure("shaft") == 1.0


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # pycocotools' own
def test_a_class_lies_where_it_is_in_the_picture(folder: Path) -> None:
    pixels = plain(0)
    pixels[:, 32:] = 220
    said = Look(folder)(pixels)
    assert said.measure("tip") == pytest.approx(0.5, abs=0.05)
    wire = said.to_wire()
    assert wire["labels"] == ["tip"]
    (mask,) = wire["masks"]  # type: ignore[misc]
    assert (coco.decode(mask) == (said.classes == 2)).all()


def test_outside_a_crop_there_is_background(folder: Path) -> None:
    pixels = plain(220, 192, 108)
    said = Look(folder, crop=[32, 2, 128, 102])(pixels)
    whole = cv2.resize(said.classes, (192, 108), interpolation=cv2.INTER_NEAREST)
    assert (whole[8:96, 40:150] == 2).all()
    assert (whole[:, :24] == 0).all()
    assert (whole[:, 168:] == 0).all()
    assert said.measure("tip") == pytest.approx(128 * 102 / (192 * 108), abs=0.03)


def test_classes_that_are_not_asked_for_become_background(folder: Path) -> None:
    look = Look(folder, classes=["tip"])
    assert look(plain(120)).measure("shaft") == 0
    assert look(plain(220)).measure("tip") == 1


def test_flicker_is_smoothed_away_for_each_stream_apart(folder: Path) -> None:
    look = Look(folder, smooth=0.7)
    for level in (120, 120, 120, 220):
        said = look(plain(level))
    assert said.measure("shaft") == 1
    assert look(plain(220), "another").measure("tip") == 1
    for _ in range(3):
        said = look(plain(220))
    assert said.measure("tip") == 1


def test_a_stream_that_changes_its_size_begins_anew(folder: Path) -> None:
    look = Look(folder, smooth=0.9)
    look(plain(120))
    assert look(plain(220, 32, 64)).measure("tip") == 1


def test_who_comes_and_goes_is_announced_once(folder: Path) -> None:
    look = Look(folder, presence=0.1)
    for level in (0, 220, 0, 220, 220, 220, 220, 0, 0, 0, 0):  # the first is a flicker
        look(plain(level))
    told = [(event.name, event.about, event.detail["label"]) for event in look.events]
    assert told == [("presence.entered", "a", "tip"), ("presence.left", "a", "tip")]


def test_a_class_that_the_model_does_not_know_is_named(folder: Path) -> None:
    with pytest.raises(BadOptions, match=r"\(nothing, shaft, tip\), got 'hook'"):
        Look(folder, classes=["hook"])


def test_a_map_that_does_not_fit_the_labels_is_told(folder: Path) -> None:
    with pytest.raises(BadModel, match="wanted classes below 2, as it has labels, got 2"):
        Look(folder, model="few.onnx")(plain(220))


def test_a_model_for_something_else_is_refused(folder: Path) -> None:
    (folder / "other.onnx").write_bytes((folder / "steps.onnx").read_bytes())
    (folder / "other.yaml").write_text(
        "task: classify\ninput: {width: 32, height: 32}\nlabels: [a]\n"
    )
    with pytest.raises(BadModel, match="wanted a model that can segment"):
        Look(folder, model="other.onnx")


def test_pieces_are_told_if_they_are_asked_for(folder: Path) -> None:
    pixels = plain(0)
    pixels[8:16, :32] = 220  # comes in from the left
    assert Look(folder)(pixels).regions is None
    said = Look(folder, regions=True)(pixels)
    assert said.regions is not None
    (piece,) = said.regions
    assert said.labels[piece.number] == "tip"
    assert piece.share == pytest.approx(said.measure("tip"))
    assert piece.tip is not None
    assert piece.tip[0] == pytest.approx(0.5, abs=0.05)
    (told,) = said.to_wire()["regions"]  # type: ignore[misc]
    assert told["label"] == "tip"
    assert told["tip"] == [round(float(v), 5) for v in piece.tip]
    assert len(told["contour"]) == len(piece.contour)


def test_pieces_smaller_than_asked_for_are_left_out(folder: Path) -> None:
    pixels = plain(0)
    pixels[8:16, :32] = 220
    assert Look(folder, regions=True, least_area=0.3)(pixels).regions == ()


def test_another_threshold_announces_nothing_twice(folder: Path) -> None:
    look = Look(folder, presence=0.1)

    def told(presence: float | None) -> None:
        look.stage.retune(SegmentOptions(model="steps.onnx", presence=presence))

    for _ in range(3):
        look(plain(120))
    told(0.9)
    for _ in range(3):
        look(plain(120))
    assert [event.name for event in look.events] == ["presence.entered"]
    told(None)
    for _ in range(3):
        look(plain(0))
    assert len(look.events) == 1


def test_smaller_pieces_are_reported_when_they_are_asked_for(folder: Path) -> None:
    look = Look(folder, regions=True, least_area=0.9)
    pixels = plain(0)
    pixels[:, 32:] = 220
    assert look(pixels).regions == ()
    look.stage.retune(SegmentOptions(model="steps.onnx", regions=True, least_area=0.1))
    assert len(look(pixels).regions or ()) == 1
