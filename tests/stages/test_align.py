"""A face is shown upright, with its eyes where a recogniser expects them."""

import cv2
import numpy as np
import pytest

from models.spec import Input
from stages.faces.align import EYES, upright
from stages.picture import Picture

MODEL = Input(150, 150, fit="stretch")
SIDE = 480


def two_eyes(turn: float, apart: float = 80.0) -> tuple[Picture, np.ndarray]:
    """A red eye on the left and a green one on the right of a head turned by some degrees."""
    angle = np.deg2rad(turn)
    half = np.array([np.cos(angle), np.sin(angle)]) * apart / 2
    places = np.array([SIDE / 2 - half, SIDE / 2 + half])
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    for (x, y), colour in zip(places, ((0, 0, 255), (0, 255, 0)), strict=True):
        cv2.circle(pixels, (round(x), round(y)), round(apart / 8), colour, -1)
    return Picture.from_bgr(pixels), (places / SIDE).astype(np.float32)


@pytest.mark.parametrize("turn", [0, 30, -75, 180])
@pytest.mark.parametrize("apart", [20, 80, 200])
def test_the_eyes_come_to_the_same_places_however_the_head_is_turned(
    turn: float, apart: float
) -> None:
    picture, eyes = two_eyes(turn, apart)
    chip = upright(picture, eyes, MODEL)
    assert chip is not None
    assert chip.shape == (150, 150, 3)
    for channel, (x, y) in enumerate(EYES * 150):  # red is first
        rows, columns = np.nonzero(chip[..., channel] > 128)
        assert abs(columns.mean() - x) < 3
        assert abs(rows.mean() - y) < 3


def test_a_face_at_the_edge_is_shown_as_far_as_it_is_there() -> None:
    picture, eyes = two_eyes(0)
    chip = upright(picture, eyes - np.float32(0.5), MODEL)
    assert chip is not None


@pytest.mark.parametrize(
    "eyes",
    [[[np.nan, 0], [1, 1]], [[0.5, 0.5], [0.5, 0.5]], [[3, 3], [3.1, 3]], [[0, 0], [1e9, 0]]],
)
def test_eyes_that_are_none_give_no_face(eyes: list[list[float]]) -> None:
    picture, _ = two_eyes(0)
    assert upright(picture, np.array(eyes, np.float32), MODEL) is None
