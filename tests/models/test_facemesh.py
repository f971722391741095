"""The face mesh: its numbers are the original's."""

from collections.abc import Callable

import numpy as np
import pytest

from models.session import Session, open_session
from models.store import Model
from tests.models.conftest import Golden
from tests.models.pictures import face, golden_pictures

TOLERANCE = 1e-4
# Of the 468 points, as MediaPipe numbers them: the middle of the upper lip, of the forehead's edge,
# of the chin, and the outer corners of the person's right and left eye.
LIP, FOREHEAD, CHIN, RIGHT_EYE, LEFT_EYE = 0, 10, 152, 33, 263


@pytest.fixture(scope="module")
def mesh(zoo_model: Callable[[str], Model]) -> Session:
    return open_session(zoo_model("facemesh-468").path, device="cpu")


def test_it_keeps_its_contract(zoo_model: Callable[[str], Model], mesh: Session) -> None:
    mesh.check_against(zoo_model("facemesh-468").spec)


@pytest.mark.parametrize("batch", [1, 3])
def test_points_are_those_of_the_original(mesh: Session, golden: Golden, batch: int) -> None:
    got = mesh.run({"image": golden_pictures(192)[:batch]})
    wanted = golden["mesh"][:batch] / 192  # pixels of the input
    assert got["points"].shape == (batch, 468, 3)
    assert np.abs(got["points"] - wanted).max() < TOLERANCE * np.abs(wanted).max()
    score = 1 / (1 + np.exp(-golden["flag"][:batch].astype(np.float64)))
    assert np.abs(got["score"] - score).max() < TOLERANCE


def test_points_lie_on_the_face(mesh: Session) -> None:
    got = mesh.run({"image": face(192, scale=1.3)[np.newaxis]})
    assert got["score"][0] > 0.9
    points = got["points"][0]
    assert points[FOREHEAD, 1] < points[RIGHT_EYE, 1] < points[LIP, 1] < points[CHIN, 1]
    assert points[RIGHT_EYE, 0] < 0.5 < points[LEFT_EYE, 0]


def test_noise_is_no_face(mesh: Session) -> None:
    assert mesh.run({"image": golden_pictures(192)[2:3]})["score"][0] < 0.1
