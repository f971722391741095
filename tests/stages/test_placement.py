"""A box that was found in a model's input lands where it belongs in the picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadShape
from stages.placement import Placement

sides = st.integers(1, 4000)
share = st.floats(0, 1, width=32)


@given(sides, sides, sides, sides, st.sampled_from(["stretch", "letterbox"]), share, share)
def test_undo_is_the_inverse_of_placing(
    width: int, height: int, wide: int, high: int, fit: str, x: float, y: float
) -> None:
    place = Placement.of((width, height), (wide, high), fit)
    inside_x = (place.left + x * place.inner_width) / wide
    inside_y = (place.top + y * place.inner_height) / high
    back = place.undo(np.array([[inside_x, inside_y]], np.float32))
    # float32 carries 7 digits; a picture squeezed into one pixel of 4000 loses 4 of them
    tolerance = 1e-6 * (wide / place.inner_width + high / place.inner_height)
    assert np.allclose(back, [[x, y]], atol=tolerance)


@given(sides, sides, sides, sides)
def test_a_letterbox_keeps_proportions_to_a_pixel(
    width: int, height: int, wide: int, high: int
) -> None:
    place = Placement.of((width, height), (wide, high), "letterbox")
    scale = min(wide / width, high / height)
    assert abs(place.inner_width - width * scale) <= 1
    assert abs(place.inner_height - height * scale) <= 1
    assert 0 <= place.left <= wide - place.inner_width
    assert 0 <= place.top <= high - place.inner_height


def test_boxes_and_points_of_any_shape_go_back() -> None:
    place = Placement.of((200, 100), (64, 64), "letterbox")
    corners = np.array([[0, 0.25, 1, 0.75]], np.float32)
    assert np.allclose(place.undo(corners), [[0, 0, 1, 1]])
    points = np.full((3, 6, 2), 0.5, np.float32)
    assert np.allclose(place.undo(points), 0.5)


def test_an_odd_last_axis_is_refused() -> None:
    with pytest.raises(BadShape, match="wanted pairs"):
        Placement.of((2, 2), (2, 2), "stretch").undo(np.zeros((4, 3), np.float32))
