"""What is drawn onto a picture, seen in its pixels."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from models.results import Caption, Region, Result, Segmentation, Wire, Zones
from sinks.annotate import annotated, clock, shown_size
from sinks.sink import Recent
from stages.overlay import DARK, LIGHT, PAINTERS, PALETTE, Canvas, colour_of, draw, ink_on
from tests.factory import detections, frame_of, grey_frame, nothing, top_labels

Pixels = NDArray[np.uint8]


def grey(width: int = 640, height: int = 480) -> Pixels:
    return np.full((height, width, 3), 128, np.uint8)


def where(pixels: Pixels, colour: tuple[int, int, int]) -> tuple[int, int, int, int] | None:
    """The box around all pixels of a colour: x1, y1, x2, y2."""
    rows, columns = np.nonzero((pixels == np.array(colour, np.uint8)).all(axis=2))
    if not len(rows):
        return None
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (1920, 1080), (3840, 2160)])
def test_a_box_lies_where_the_result_says_at_any_resolution(size: tuple[int, int]) -> None:
    pixels = grey(*size)
    draw(pixels, {"detect": detections((0.25, 0.5, 0.75, 0.9))})
    found = where(pixels, colour_of(0))
    assert found is not None
    x1, _, x2, y2 = found
    margin = 2 * Canvas.on(pixels).line + 2
    assert abs(x1 - 0.25 * size[0]) <= margin
    assert abs(x2 - 0.75 * size[0]) <= margin
    assert abs(y2 - 0.9 * size[1]) <= margin
    assert (pixels[round(0.7 * size[1]), round(0.5 * size[0])] == 128).all()


def test_lines_and_letters_grow_with_the_picture() -> None:
    small, large = Canvas.on(grey(640, 480)), Canvas.on(grey(1920, 1080))
    assert large.line > small.line
    assert large.size / small.size == pytest.approx(1080 / 480, rel=0.1)


def test_a_class_keeps_its_colour_and_neighbours_differ() -> None:
    assert colour_of(3) == colour_of(3 + len(PALETTE))
    assert len(set(PALETTE)) == len(PALETTE)


@pytest.mark.parametrize(
    ("colour", "ink"), [((255, 255, 255), DARK), ((0, 0, 0), LIGHT), ((120, 0, 0), LIGHT)]
)
def test_letters_can_be_read_on_any_colour(colour: tuple[int, int, int], ink: object) -> None:
    assert ink_on(colour) == ink


def test_letters_can_be_read_on_every_colour_of_the_palette() -> None:
    assert {ink_on(colour) for colour in PALETTE} == {DARK}


def test_the_tag_of_a_box_at_the_edge_stays_in_the_picture() -> None:
    pixels = grey()
    draw(pixels, {"detect": detections((0.9, -0.1, 1.2, 0.3))})
    found = where(pixels, colour_of(0))
    assert found is not None
    assert found[0] < 0.9 * 640 - 20  # moved to the left
    assert found[1] == 0


def test_the_surest_lies_on_top() -> None:
    box = (0.25, 0.25, 0.75, 0.75)
    pixels = grey()
    draw(pixels, {"detect": detections(box, box, scores=(0.9, 0.5), classes=(1, 2))})
    assert where(pixels, colour_of(1)) is not None
    alone = grey()
    draw(alone, {"detect": detections(box, scores=(0.9,), classes=(1,))})
    assert where(pixels, colour_of(1)) == where(alone, colour_of(1))


def test_key_points_are_dots() -> None:
    pixels = grey()
    box = (0.1, 0.5, 0.9, 0.95)
    draw(pixels, {"faces": detections(box, points=[[(0.3, 0.7), (0.7, 0.7)]])})
    assert tuple(pixels[336, 192]) == colour_of(0)
    assert tuple(pixels[336, 448]) == colour_of(0)


def test_a_mask_tints_what_belongs_to_its_thing_and_has_a_contour() -> None:
    pixels = grey()
    mask = np.zeros((28, 28), np.uint8)
    mask[:, :14] = 255  # the left half
    found = replace(detections((0.25, 0.25, 0.75, 0.75)), masks=mask[np.newaxis])
    draw(pixels, {"detect": found})
    tinted, free = pixels[240, 240], pixels[240, 400]
    assert (free == 128).all()
    assert tinted.tolist() == pytest.approx([128 + 0.35 * (c - 128) for c in colour_of(0)], abs=1)
    assert tuple(pixels[240, 318]) == colour_of(0)


def test_a_mask_that_reaches_beyond_the_picture_lies_where_its_box_does() -> None:
    pixels = grey()
    mask = np.zeros((28, 28), np.uint8)
    mask[:, 21:] = 255  # the rightmost quarter: of x from -0.5 to 0.5, that from 0.25
    found = replace(detections((-0.5, 0.25, 0.5, 0.75)), masks=mask[np.newaxis])
    draw(pixels, {"detect": found})
    assert (pixels[240, 100] == 128).all()
    assert (pixels[240, 240] != 128).any()


def test_labels_are_a_panel_with_a_bar_for_each_score() -> None:
    pixels = grey()
    draw(pixels, {"classify": top_labels({"tabby": 1.0, "tiger cat": 0.25})})
    first, second = where(pixels, colour_of(0)), where(pixels, colour_of(1))
    assert first is not None
    assert second is not None
    assert (second[2] - second[0]) / (first[2] - first[0]) == pytest.approx(0.25, abs=0.02)
    assert (pixels[300:, 320:] == 128).all()


def test_panels_of_two_nodes_lie_under_each_other() -> None:
    pixels = grey()
    draw(pixels, {"a": top_labels({"cat": 1.0}), "b": top_labels({"x": 0.0, "dog": 0.5})})
    first, second = where(pixels, colour_of(0)), where(pixels, colour_of(1))
    assert first is not None
    assert second is None or second[1] > first[3]


def test_of_a_list_only_whole_rows_are_shown() -> None:
    """The tenth part of a name at the lower edge told nobody anything."""
    low, high = grey(320, 120), grey(320, 400)
    for pixels in (low, high):
        draw(pixels, {"view": top_labels({f"class {n}": 0.5 - n / 20 for n in range(9)})})
    assert where(low, colour_of(0)) is not None
    assert (low[-8:] == 128).all()
    assert where(low, colour_of(8)) is None
    assert where(high, colour_of(8)) is not None


def test_a_caption_is_in_the_lower_left_corner() -> None:
    pixels = grey()
    draw(pixels, {}, "lobby  0:01.000")
    changed = np.nonzero((pixels != 128).any(axis=2))
    assert changed[0].min() > 400
    assert changed[1].max() < 320


@dataclass(frozen=True, slots=True)
class Smell:
    """A kind of result that nobody can draw."""

    kind: ClassVar[str] = "smell"

    def measure(self, name: str) -> float:
        raise KeyError(name)

    def to_wire(self) -> Wire:
        return {}


def test_a_kind_that_nobody_can_draw_is_left_out() -> None:
    pixels = grey()
    draw(pixels, {"nose": Smell()})
    assert (pixels == 128).all()


def test_later_kinds_bring_their_painter() -> None:
    def paint(canvas: Canvas, node: str, result: object) -> None:
        canvas.pixels[:] = 7

    PAINTERS["smell"] = paint
    try:
        pixels = grey()
        draw(pixels, {"nose": Smell()})
    finally:
        del PAINTERS["smell"]
    assert (pixels == 7).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 64), (64, 48), (176, 144)])
def test_no_picture_is_too_small(size: tuple[int, int]) -> None:
    results = {"detect": detections(), "classify": top_labels({"a rather long name": 0.5})}
    draw(grey(*size), results, "lobby  0:01.000")


def test_boxes_that_are_no_numbers_are_left_out() -> None:
    pixels = grey()
    nan, huge = float("nan"), 1e30
    draw(pixels, {"detect": detections((nan, 0, 1, 1), classes=(0,))})
    assert (pixels == 128).all()
    draw(pixels, {"detect": detections((-huge, -huge, huge, huge))})


def zones_at(place: float) -> Zones:
    """An area and a line, all of whose corners lie at one place."""
    corners = np.full((1, 3, 2), place, np.float32)
    count, crossed = np.array([1], np.int64), np.array([[1, 2]], np.int64)
    return Zones(("a",), count, ("l",), crossed, tuple(corners), corners[:, :2].copy())


@pytest.mark.parametrize(
    "result",
    [
        top_labels({"cat": np.nan, "dog": 0.5}),
        Caption("   ", 0.5),
        replace(detections((0.1, 0.1, 0.5, 0.5)), masks=np.zeros((1, 0, 0), np.uint8)),
        zones_at(np.nan),
        zones_at(5),
        zones_at(1e9),
    ],
)
def test_what_cannot_be_drawn_costs_nobody_the_picture(result: Result) -> None:
    """Each of these raised, and the film lacked the picture."""
    for size in ((640, 360), (2, 2)):
        draw(grey(*size), {"node": result})


def test_nothing_found_is_nothing_drawn() -> None:
    pixels = grey()
    draw(pixels, {"detect": nothing(), "classify": top_labels({})})
    assert (pixels == 128).all()


def test_a_frame_is_not_changed_by_showing_it() -> None:
    frame = grey_frame(0, results={"detect": detections()})
    shown = annotated(frame, ["detect"], (64, 48), caption=True)
    assert (shown != 128).any()
    assert (frame.picture.bgr == 128).all()


def test_only_the_nodes_that_were_asked_for_are_shown() -> None:
    frame = grey_frame(0, results={"detect": detections()})
    assert (annotated(frame, ["capture"], (64, 48)) == 128).all()


@pytest.mark.parametrize(
    ("size", "least", "most", "shown"),
    [
        ((1280, 720), 640, None, (1280, 720)),
        ((176, 144), 640, None, (640, 524)),
        ((641, 359), 640, None, (640, 360)),
        ((1920, 1080), 640, 1280, (1280, 720)),
        ((1, 1), 2, None, (2, 2)),
        ((10_000, 3), 640, 1280, (1280, 2)),
    ],
)
def test_a_picture_is_shown_at_a_size_that_can_be_read_and_encoded(
    size: tuple[int, int], least: int, most: int | None, shown: tuple[int, int]
) -> None:
    assert shown_size(size, least, most) == shown


@pytest.mark.parametrize(
    ("pts", "text"),
    [(0, "0:00.000"), (61.5, "1:01.500"), (59.9996, "1:00.000"), (3723.25, "1:02:03.250")],
)
def test_time_is_written_as_people_write_it(pts: float, text: str) -> None:
    assert clock(pts) == text


def test_what_was_said_a_while_ago_is_drawn_fainter_and_in_the_end_not_at_all() -> None:
    frame = frame_of(grey())

    def strength(age: float) -> int:
        recent = {"slow": Recent(detections(), age)}
        shown = annotated(frame, (), (640, 480), recent=recent)
        return int(np.abs(shown.astype(int) - 128).max())

    fresh, old, older = strength(0.2), strength(5.0), strength(8.0)
    assert fresh > old > older > 0
    assert strength(10.0) == 0


def test_panels_of_what_was_said_a_while_ago_stand_below_each_other() -> None:
    frame = frame_of(grey())

    def panels(*nodes: str) -> int:
        recent = {node: Recent(top_labels({"ripe": 0.9}), 2.0) for node in nodes}
        shown = annotated(frame, (), (640, 480), recent=recent)
        # The left edge of a panel, where no letters stand.
        return int((shown[:, Canvas.on(shown).size + 4].max(axis=1) < 120).sum())

    assert panels("one", "two") == 2 * panels("one") > 0


def test_a_class_is_outlined_and_a_speck_of_it_only_tinted() -> None:
    grid = np.zeros((96, 128), np.uint8)
    grid[40:60, 40:80] = 1
    grid[90, 120] = 1
    pixels = grey(640, 480)
    draw(pixels, {"tools": Segmentation(grid, ("nothing", "hook"))})
    below = pixels[150:]  # of the legend
    found = where(below, colour_of(1))
    assert found is not None
    for got, wanted in zip(found, (200, 50, 400, 150), strict=True):
        assert abs(got - wanted) <= 4
    assert (pixels[452, 602] != 128).any()


def test_a_tip_is_marked_where_it_is() -> None:
    grid = np.zeros((96, 128), np.uint8)
    grid[48:52, 64:] = 1
    contour = np.array([[0.5, 0.5], [1, 0.5], [1, 0.54]], np.float32)
    region = Region(1, 0.02, contour, np.array([0.5, 0.5], np.float32))
    plain, marked = grey(640, 480), grey(640, 480)
    draw(plain, {"tools": Segmentation(grid, ("nothing", "hook"))})
    draw(marked, {"tools": Segmentation(grid, ("nothing", "hook"), (region,))})
    rows, columns = np.nonzero((plain != marked).any(axis=2))
    assert abs((rows.min() + rows.max()) / 2 - 240) <= 1
    assert abs((columns.min() + columns.max()) / 2 - 320) <= 1
