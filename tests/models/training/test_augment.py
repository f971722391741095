"""Boxes and masks stay where their things are, however a picture is varied."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.spec import Fit, Input
from models.training.augment import (
    IGNORED,
    View,
    draw,
    draw_showing,
    mirrored,
    mosaic,
    see,
    see_boxes,
    see_mask,
    whole,
)
from models.training.config import Augment
from tests.models.training import drawn

edges = st.floats(-0.4, 0.4)
views = st.builds(
    View,
    edges,
    edges,
    edges.map(lambda edge: 1 + edge),
    edges.map(lambda edge: 1 + edge),
    st.booleans(),
    st.floats(-20, 20),
    st.floats(0.6, 1.6),
    st.floats(0.6, 1.6),
)
boxes = st.lists(
    st.tuples(*[st.floats(0, 1, width=32)] * 4).map(
        lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
    ),
    max_size=5,
).map(lambda rows: np.array(rows, np.float32).reshape(-1, 4))


@given(boxes, views, st.floats(0, 1))
def test_boxes_that_are_kept_lie_inside_and_have_area(
    given_boxes: np.ndarray, view: View, keep: float
) -> None:
    seen, kept = see_boxes(given_boxes, view, keep)
    assert seen.shape == given_boxes.shape
    assert ((seen >= 0) & (seen <= 1)).all()
    assert (seen[kept][:, 2:] > seen[kept][:, :2]).all()


@given(boxes, views)
def test_a_mirror_image_mirrors_the_boxes(given_boxes: np.ndarray, view: View) -> None:
    one, kept = see_boxes(given_boxes, view, 0.4321)
    other, kept_too = see_boxes(given_boxes, mirrored(view), 0.4321)
    assert np.array_equal(kept, kept_too)
    assert one[:, 0] == pytest.approx(1 - other[:, 2], abs=1e-6)
    assert one[:, [1, 3]] == pytest.approx(other[:, [1, 3]])


@given(st.integers(0, 1000), views)
def test_picture_mask_and_box_move_together(seed: int, view: View) -> None:
    # A square: of a disc that is cut off, what is left may not reach to the edges of its box.
    shape, size = drawn.draw(2 * seed + 1), (48, 80)
    seen = see_mask(shape.mask // 255, view, size)
    x1, y1, x2, y2 = shape.box
    pixels = np.array([[x1, y1, x2 + 1, y2 + 1]], np.float32)  # the last one is inside
    (box,), (kept,) = see_boxes(pixels / drawn.SIDE, view, 0.3)
    if kept:
        rows, columns = np.nonzero(seen == 1)
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert np.array(found) == pytest.approx(box * np.array([80, 48, 80, 48]), abs=2)
    plain = View(view.left, view.top, view.right, view.bottom, view.flip)
    image = see(shape.image, plain, size)
    # Its colour is where its mask is, but for the pixels that were mixed at its edge.
    coloured = np.abs(image.astype(int) - drawn.COLOURS[shape.name]).max(axis=2) < 8
    assert (coloured != (seen == 1)).sum() <= 250
    grey = (image == 114).all(axis=2)
    assert (grey & (seen != IGNORED)).sum() <= 150


@pytest.mark.parametrize(
    ("fit", "window"),
    [
        ("stretch", (0, 0, 1, 1)),
        ("letterbox", (0, -0.5, 1, 1.5)),
        ("corner", (0, 0, 1, 2)),
    ],
)
def test_a_wide_picture_is_fitted_as_the_pipeline_fits_it(
    fit: Fit, window: tuple[float, ...]
) -> None:
    view = whole((100, 200), Input(64, 64, fit=fit))
    assert (view.left, view.top, view.right, view.bottom) == window


def test_the_whole_picture_at_its_own_size_is_the_picture() -> None:
    image = drawn.draw(0).image
    assert np.array_equal(see(image, View(), (64, 64)), image)
    assert np.array_equal(see(image, mirrored(View()), (64, 64)), image[:, ::-1])


def test_the_same_chance_draws_the_same_view() -> None:
    views = [draw(np.random.default_rng(3), View(), Augment()) for _ in range(2)]
    assert views[0] == views[1]
    assert draw(np.random.default_rng(4), View(), Augment()) != views[0]


@given(st.integers(0, 10_000))
def test_something_is_shown_where_there_is_something(seed: int) -> None:
    box = np.array([[0, 0, 0.1, 0.1]], np.float32)
    how = Augment(jitter=0.45, keep=0.9)
    view = draw_showing(np.random.default_rng(seed), View(), how, box)
    assert see_boxes(box, view, how.keep)[1].all()


def test_four_pictures_in_one_keep_their_boxes() -> None:
    shapes = [drawn.draw(seed) for seed in range(4)]
    parts = [(s.image, np.array([s.box], np.float32) / drawn.SIDE) for s in shapes]
    image, found = mosaic(parts)
    assert image.shape == (128, 128, 3)
    for shape, box in zip(shapes, found, strict=True):
        x, y = ((box[:2] + box[2:]) / 2 * 128).astype(int)
        assert tuple(image[y, x]) == drawn.COLOURS[shape.name]
