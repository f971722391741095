"""Tiles cover the picture, and what is found in several of them is reported once."""

from itertools import pairwise

import numpy as np
import pytest

from models.results import Detections
from stages.picture import Picture, Wanted
from stages.tiles import Tiles, apart, joined
from tests.factory import detections


@pytest.mark.parametrize("size", [(1920, 1080), (640, 481), (33, 17), (7, 1), (1, 1)])
@pytest.mark.parametrize("overlap", [0, 0.2, 0.9])
def test_tiles_cover_every_picture_and_none_is_empty(size: tuple[int, int], overlap: float) -> None:
    width, height = size
    picture = Picture.from_bgr(np.zeros((height, width, 3), np.uint8))
    seen = np.zeros((height, width), bool)
    crops = Tiles(columns=16, rows=3, overlap=overlap).crops(width, height)
    for crop in crops:
        assert picture.pixels(Wanted(4, 4, crop=crop)).shape == (4, 4, 3)
        x1, y1, x2, y2 = crop
        seen[y1:y2, x1:x2] = True
    assert len(crops) == 48
    assert seen.all()


def test_neighbours_share_what_was_asked_for() -> None:
    crops = Tiles(columns=3, rows=1, overlap=0.25).crops(1000, 600)
    assert {x2 - x1 for x1, _, x2, _ in crops} == {400}
    assert [left[2] - right[0] for left, right in pairwise(crops)] == [100, 100]


def crowd(count: int, seed: int = 0) -> Detections:
    """Boxes of two classes all over the picture, the surest first."""
    rng = np.random.default_rng(seed)
    corners = rng.random((count, 2), np.float32)
    boxes = np.concatenate([corners, corners + 0.05 * rng.random((count, 2), np.float32)], axis=1)
    scores = np.sort(rng.random(count, np.float32) * 0.9 + 0.1)[::-1].copy()
    return Detections(boxes, scores, rng.integers(0, 2, count), ("a", "b"))


def greedy(found: Detections, iou: float) -> list[int]:
    """Non-maximum suppression, as it is written in textbooks."""
    boxes = found.boxes.astype(np.float64)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept: list[int] = []
    for row, box in enumerate(boxes):
        others = np.array(kept, int)
        others = others[found.classes[others] == found.classes[row]]
        sides = np.minimum(box[2:], boxes[others, 2:]) - np.maximum(box[:2], boxes[others, :2])
        shared = np.prod(sides.clip(0), axis=1)
        if (shared <= iou * (areas[row] + areas[others] - shared)).all():
            kept.append(row)
    return kept


@pytest.mark.parametrize("most", [1, 40, 300, 5000])
def test_of_a_crowd_the_surest_are_kept_as_if_all_had_been_compared(most: int) -> None:
    found = crowd(5000)
    assert apart(found, 0.3, most).tolist() == greedy(found, 0.3)[:most]


def test_one_huge_box_takes_nothing_from_the_others() -> None:
    near, far = (0.1, 0.1, 0.2, 0.2), (0.7, 0.7, 0.8, 0.8)
    found = detections(near, far, (-1e30, -1e30, 1e30, 1e30), classes=(1, 1, 0))
    assert apart(found, 0.3, 300).tolist() == [0, 1, 2]


def test_what_is_joined_keeps_its_order_and_its_points() -> None:
    one = detections((0, 0, 0.5, 0.5), points=[[(0.1, 0.2)]])
    other = detections((0.5, 0.5, 1, 1), classes=(2,), points=[[(0.7, 0.8)]])
    both = joined([one, other])
    assert both.classes.tolist() == [0, 2]
    assert both.points is not None
    assert both.points[:, 0] == pytest.approx(np.array([(0.1, 0.2), (0.7, 0.8)]))
