"""A face's mesh is drawn as wires, which are those of one sheet with holes for eyes and mouth."""

import numpy as np
import pytest

from models import FaceMesh
from stages.overlay import draw
from stages.overlay.face_mesh import EYES, LIPS, OVAL, POINTS, edges


def mesh(points: np.ndarray) -> FaceMesh:
    return FaceMesh(points[None].astype(np.float32), np.ones(1, np.float32))


def spread(side: float, count: int = POINTS) -> np.ndarray:
    """Points all over a square in the middle of the picture."""
    places = 0.5 + side * (np.random.default_rng(0).random((count, 3)) - 0.5)
    return np.asarray(places)


def test_the_wires_join_all_points_in_a_sheet_with_three_holes() -> None:
    wires = edges()
    assert sorted(set(wires.ravel().tolist())) == list(range(POINTS))
    assert (wires[:, 0] < wires[:, 1]).all()
    # Euler: points - sides + triangles is 1 for a sheet, and one less for each hole.
    assert POINTS - len(wires) + 858 == 1 - 3


@pytest.mark.parametrize("ring", [OVAL, LIPS[0], *EYES])
def test_the_features_are_among_them(ring: tuple[int, ...]) -> None:
    wires = {tuple(wire) for wire in edges().tolist()}
    sides = zip(ring, (*ring[1:], ring[0]), strict=True)
    assert {(min(side), max(side)) for side in sides} <= wires


@pytest.mark.parametrize("points", [spread(0.8), spread(0.02), spread(0.8, 12), spread(0, 0)])
def test_it_is_drawn_where_the_points_are_however_small(points: np.ndarray) -> None:
    pixels = np.zeros((360, 480, 3), np.uint8)
    draw(pixels, {"mesh": mesh(points)})
    rows, columns = np.nonzero(pixels.any(axis=2))
    assert (len(rows) > 0) == (len(points) > 0)
    if len(points):
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        assert (columns.min() / 480, rows.min() / 360) == pytest.approx(low.tolist(), abs=0.01)
        assert (columns.max() / 480, rows.max() / 360) == pytest.approx(high.tolist(), abs=0.01)


def test_beside_the_picture_and_at_no_numbers_nothing_is_drawn() -> None:
    pixels = np.zeros((90, 120, 3), np.uint8)
    draw(pixels, {"a": mesh(spread(0.2) + 5), "b": mesh(spread(0.2) * np.nan)})
    assert not pixels.any()
