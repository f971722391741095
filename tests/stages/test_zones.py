"""Things in areas and over lines are counted once, whichever way they move."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import ValidationError

from models.results import Detections, Zones
from stages.errors import BadOptions
from stages.stage import StageContext
from stages.zones import CountZones, ZonesOptions
from tests.factory import detections, grey_frame

if TYPE_CHECKING:
    from stages.events import Event

MIDDLE = {"road": ((0.5, 1.0), (0.5, 0.0))}  # seen upwards: from left to right is inwards
DOOR = {"door": ((0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6))}


def tracked(places: dict[int, tuple[float, float]]) -> Detections:
    """Small things whose lower edge has its middle at those places."""
    boxes = [(x - 0.02, y - 0.04, x + 0.02, y) for x, y in places.values()]
    n = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(n, 4), np.ones(n, np.float32), np.zeros(n, np.int64),
        ("car",), tracks=np.array(list(places), np.int64),
    )  # fmt: skip


class Scene:
    def __init__(self, **options: object) -> None:
        self.events: list[Event] = []
        context = StageContext("zones", inputs=("track",), announce=self.events.append)
        self.stage = CountZones(ZonesOptions.model_validate(options), context)
        self.seq = 0

    def see(self, places: dict[int, tuple[float, float]], stream: str = "a") -> Zones:
        frame = grey_frame(self.seq, stream, results={"track": tracked(places)})
        self.seq += 1
        (said,) = self.stage.run([frame])
        assert said is not None
        return said

    def names(self) -> list[str]:
        return [event.name for event in self.events]


def test_a_line_is_crossed_both_ways() -> None:
    scene = Scene(lines=MIDDLE)
    for step in range(11):
        said = scene.see({1: (step / 10, 0.5), 2: (1 - step / 10, 0.3)})
    assert said.crossed.tolist() == [[1, 1]]
    assert (said.measure("road_in"), said.measure("road_out")) == (1, 1)
    told = {event.detail["track"]: event.detail["direction"] for event in scene.events}
    assert told == {1: "in", 2: "out"}


def test_a_box_that_trembles_on_a_line_does_not_cross_it() -> None:
    scene = Scene(lines=MIDDLE)
    for step in range(20):
        said = scene.see({1: (0.495 if step % 2 else 0.505, 0.5)})
    assert said.crossed.tolist() == [[0, 0]]


def test_who_goes_around_the_end_of_a_line_does_not_cross_it() -> None:
    scene = Scene(lines={"short": ((0.5, 0.4), (0.5, 0.2))})
    for step in range(11):
        said = scene.see({1: (step / 10, 0.8)})
    assert said.crossed.tolist() == [[0, 0]]


def test_an_area_knows_who_is_in_it_and_how_long_they_stayed() -> None:
    scene = Scene(areas=DOOR)
    counts = [scene.see({1: (0.3 + step / 50, 0.5)}).measure("door") for step in range(20)]
    assert counts[0] == 0
    assert max(counts) == 1
    assert counts[-1] == 0
    assert scene.names() == ["zone.entered", "zone.left"]
    assert scene.events[0].detail == {"node": "zones", "place": "door", "track": 1, "label": "car"}
    inside = sum(counts)
    # From the first frame inside to the first one outside, 25 frames a second.
    assert scene.events[1].detail["dwell_s"] == pytest.approx(inside / 25, abs=1e-3)


def test_who_vanishes_inside_has_left_when_it_counts_as_lost() -> None:
    scene = Scene(areas=DOOR, lost_s=0.2)
    scene.see({1: (0.5, 0.5)})
    counts = [scene.see({}).measure("door") for _ in range(8)]
    assert counts == [1] * 5 + [0] * 3
    assert scene.events[-1].detail["dwell_s"] == 0.0


def test_streams_are_counted_apart() -> None:
    scene = Scene(areas=DOOR)
    assert scene.see({1: (0.5, 0.5)}, "a").measure("door") == 1
    assert scene.see({2: (0.9, 0.9)}, "b").measure("door") == 0


def test_a_place_that_is_no_number_is_nowhere() -> None:
    scene = Scene(areas=DOOR, lines=MIDDLE)
    said = scene.see({1: (np.nan, 0.5), 2: (0.5, 0.5)})
    assert said.measure("door") == 1


@pytest.mark.parametrize(
    ("options", "inputs", "wanted"),
    [
        ({}, ("track",), "wanted `areas` or `lines`, got neither"),
        ({"areas": DOOR}, (), "wanted a node with tracks in `from`, got none"),
    ],
)
def test_what_cannot_be_counted_is_told(
    options: dict[str, object], inputs: tuple[str, ...], wanted: str
) -> None:
    with pytest.raises(BadOptions, match=wanted):
        CountZones(ZonesOptions.model_validate(options), StageContext("zones", inputs=inputs))


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"lines": {"road": ((0.5, 0.5), (0.5, 0.5))}}, "two ends that are apart"),
        ({"areas": {"door": ((0.1, 0.1), (0.5, 0.5), (0.9, 0.9))}}, "corners around an area"),
    ],
)
def test_a_place_where_nothing_can_be_is_told(options: dict[str, object], wanted: str) -> None:
    with pytest.raises(ValidationError, match=wanted):
        ZonesOptions.model_validate(options)


def test_things_without_tracks_are_told_and_a_frame_without_them_passes_by() -> None:
    found = detections((0.4, 0.4, 0.6, 0.6))
    options = ZonesOptions.model_validate({"areas": DOOR})
    alone = CountZones(options, StageContext("zones", inputs=("find",)))
    with pytest.raises(BadOptions, match="with tracks as the last of `from`, got find"):
        alone.run([grey_frame(0, results={"find": found})])
    both = CountZones(options, StageContext("zones", inputs=("find", "track")))
    assert both.run([grey_frame(0, results={"find": found})]) == [None]
