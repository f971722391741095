"""Pieces of a class: how large each is, its outline, its tip."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.results import Region
from stages.placement import Placement
from stages.regions import Pieces

WIDE, HIGH = 80, 60
PICTURE = (WIDE * 10, HIGH * 10)
WHOLE = Placement(WIDE, HIGH, 0, 0, WIDE, HIGH)


def empty() -> NDArray[np.uint8]:
    return np.zeros((HIGH, WIDE), np.uint8)


def found(
    grid: NDArray[np.uint8], place: Placement = WHOLE, least: float = 0.001
) -> tuple[Region, ...]:
    return Pieces(least).of(grid, place, PICTURE)


def test_each_piece_of_each_class_is_told_the_largest_first() -> None:
    grid = empty()
    grid[0:10, 0:10] = 1
    grid[20:40, 20:40] = 1
    grid[20:40, 40:45] = 2  # beside it, of another class
    told = [(region.number, region.share * grid.size) for region in found(grid)]
    assert told == [(1, pytest.approx(400)), (1, pytest.approx(100)), (2, pytest.approx(100))]


def test_pieces_that_meet_at_a_corner_are_one() -> None:
    grid = empty()
    grid[10:20, 10:20] = grid[20:30, 20:30] = 1
    assert len(found(grid)) == 1


def test_a_piece_that_is_too_small_is_left_out() -> None:
    grid = empty()
    grid[5, 5] = 1
    grid[30:36, 30:40] = 1
    (region,) = found(grid, least=0.01)
    assert region.share == pytest.approx(60 / grid.size)


def test_an_outline_goes_around_its_piece_and_not_around_its_holes() -> None:
    grid = empty()
    grid[10:31, 20:61] = 1
    grid[15:20, 30:40] = 0
    (region,) = found(grid)
    corners = {(round(x * WIDE - 0.5), round(y * HIGH - 0.5)) for x, y in region.contour}
    assert corners == {(20, 10), (60, 10), (60, 30), (20, 30)}


@pytest.mark.parametrize(
    ("start", "end"),
    [((0, 10), (50, 40)), ((79, 50), (30, 20)), ((40, 0), (20, 40)), ((70, 59), (30, 15))],
)
def test_the_tip_is_where_it_ends_from_whichever_side_it_comes(
    start: tuple[int, int], end: tuple[int, int]
) -> None:
    grid = empty()
    cv2.line(grid, start, end, (1,), 3)
    (region,) = found(grid)
    assert region.tip is not None
    x, y = region.tip * (WIDE, HIGH) - 0.5
    assert np.hypot(x - end[0], y - end[1]) <= 2.5


def test_what_enters_by_a_corner_enters_by_both_edges() -> None:
    grid = empty()
    cv2.line(grid, (0, 59), (40, 30), (1,), 12)
    (region,) = found(grid)
    assert region.tip is not None
    x, y = region.tip * (WIDE, HIGH) - 0.5
    assert x > 38
    assert y < 33


def test_what_ends_just_before_an_edge_enters_by_it() -> None:
    """As an instrument does in an endoscope's round field."""
    grid = empty()
    cv2.line(grid, (6, 30), (50, 40), (1,), 3)
    (region,) = found(grid)
    assert region.tip is not None
    assert region.tip[0] * WIDE > 49


def test_what_is_near_no_edge_has_no_tip_nor_what_fills_the_picture() -> None:
    grid = empty()
    grid[20:30, 20:30] = 1
    assert found(grid)[0].tip is None
    # Its outline is the edge.
    assert found(np.ones((HIGH, WIDE), np.uint8))[0].tip is None
    strip = empty()
    strip[0, 10:70] = 1
    assert found(strip)[0].tip is None


def test_the_edge_of_a_crop_is_an_edge_and_places_are_those_of_the_picture() -> None:
    part = Placement(WIDE, HIGH, 0, 0, WIDE, HIGH, part=(0.25, 0.5, 0.5, 0.25))
    grid = empty()
    grid[28:32, 0:41] = 1
    (region,) = found(grid, part)
    assert region.share == pytest.approx(4 * 41 / grid.size / 8)
    assert region.tip is not None
    assert region.tip[0] == pytest.approx(0.25 + 0.5 * 40.5 / WIDE)
    assert region.tip[1] == pytest.approx(0.5 + 0.25 * 30 / HIGH, abs=0.25 * 2.5 / HIGH)


def test_a_map_of_noise_gives_only_so_many_pieces_as_there_is_room_for() -> None:
    noise = (np.random.default_rng(0).random((512, 512)) < 0.2).astype(np.uint8)
    told = Pieces(0.0001).of(noise, WHOLE, (512, 512))
    assert 0 < len(told) < 10_000
    assert all(region.share >= 0.0001 for region in told)


def test_nothing_gives_nothing() -> None:
    assert found(empty()) == ()
