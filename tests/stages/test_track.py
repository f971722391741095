"""Things keep their number as long as they are the same things."""

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.results import Detections
from stages.errors import BadOptions
from stages.frame import Frame
from stages.stage import StageContext
from stages.track import Track, TrackOptions
from tests.factory import detections, grey_frame, nothing

if TYPE_CHECKING:
    from stages.events import Event


def frame(seq: int, found: Detections | None, stream: str = "a") -> Frame:
    results = {} if found is None else {"find": found}
    return grey_frame(seq, stream, width=320, height=240, results=results)


def tracker(**options: float) -> Track:
    return Track(TrackOptions(**options), StageContext("track", inputs=("find",)))


def at(x: float, y: float = 0.4) -> tuple[float, float, float, float]:
    return (x, y, x + 0.2, y + 0.2)


def numbers(track: Track, found: Detections | None, seq: int, stream: str = "a") -> list[int]:
    (said,) = track.run([frame(seq, found, stream)])
    assert said is not None
    assert said.tracks is not None
    return said.tracks.tolist()


def test_things_that_pass_each_other_keep_their_numbers() -> None:
    track = tracker()
    seen = [
        numbers(track, detections(at(0.05 + step / 50, 0.1), at(0.75 - step / 50, 0.6)), step)
        for step in range(25)
    ]
    assert seen[0] == []  # seen once is not yet a track
    assert seen[1:] == [[1, 2]] * 24


def test_a_thing_that_was_lost_is_found_again_under_its_number_but_not_for_ever() -> None:
    track = tracker(lost_s=1.0)
    for seq in range(5):
        assert numbers(track, detections(at(0.4)), seq) in ([], [1])
    for seq in range(5, 25):
        assert numbers(track, nothing(), seq) == []
    assert numbers(track, detections(at(0.4)), 25) == [1]
    for seq in range(26, 80):
        numbers(track, nothing(), seq)
    later = [numbers(track, detections(at(0.4)), seq) for seq in range(80, 84)]
    assert later == [[], [2], [2], [2]]


def test_streams_have_numbers_of_their_own() -> None:
    track = tracker(confirm=1)
    for seq in range(3):
        one = numbers(track, detections(at(0.1), at(0.6)), seq, "a")
        other = numbers(track, detections(at(0.3)), seq, "b")
    assert (one, other) == ([1, 2], [1])


def test_rows_stay_with_their_scores_and_classes() -> None:
    track = tracker()
    for seq in range(3):
        found = detections(at(0.1), at(0.6), scores=[0.6, 0.9], classes=[2, 0])
        (said,) = track.run([frame(seq, found)])
    assert said is not None
    assert said.classes.tolist() == [2, 0]
    assert said.scores == pytest.approx([0.6, 0.9])
    assert said.boxes == pytest.approx(found.boxes)


def test_what_else_is_known_of_a_thing_stays_with_it() -> None:
    track = tracker(confirm=1)
    for seq in range(2):
        found = replace(
            detections(at(0.1), at(0.6), points=[[(0.2, 0.5)], [(0.7, 0.5)]]),
            distances=np.array([0.3, 0.4], np.float32),
        )
        (said,) = track.run([frame(seq, found)])
    assert said is not None
    assert said.distances == pytest.approx([0.3, 0.4])
    assert said.points == pytest.approx(found.points)


def test_a_track_that_is_lost_and_found_again_is_told() -> None:
    events: list[Event] = []
    context = StageContext("track", inputs=("find",), announce=events.append)
    track = Track(TrackOptions(confirm=1, events=True), context)
    there = {*range(5), *range(6, 10), *range(20, 25)}  # a gap of one frame, then one of ten
    for seq in range(80):
        track.run([frame(seq, detections(at(0.4)) if seq in there else nothing(), "b")])
    assert [(event.name, event.about, event.detail["away_s"]) for event in events] == [
        ("track.lost", "b", 0.12),
        ("track.found", "b", 0.44),
        ("track.lost", "b", 0.12),
    ]
    assert events[0].detail == {"node": "track", "track": 1, "label": "person", "away_s": 0.12}


def test_nothing_is_told_unless_it_is_asked_for() -> None:
    events: list[Event] = []
    context = StageContext("track", inputs=("find",), announce=events.append)
    track = Track(TrackOptions(confirm=1), context)
    for seq in range(20):
        track.run([frame(seq, detections(at(0.4)) if seq < 5 else nothing())])
    assert events == []


def test_boxes_that_are_no_numbers_are_left_out() -> None:
    track = tracker()
    for seq in range(3):
        seen = numbers(track, detections(at(0.1), (np.nan, 0, 1, 1)), seq)
    assert seen == [1]


def test_two_thousand_boxes_end() -> None:
    generator = np.random.default_rng(0)
    corners = generator.random((2000, 2)) * 0.9
    boxes = np.concatenate([corners, corners + 0.02], axis=1)
    track = tracker()
    for seq in range(2):
        seen = numbers(track, detections(*boxes.tolist()), seq)
    assert len(seen) > 1500


def test_a_frame_at_which_nobody_looked_passes_by() -> None:
    assert tracker().run([frame(0, None)]) == [None]


def test_that_there_may_be_more_is_passed_on() -> None:
    stage = Track(TrackOptions(), StageContext("track", inputs=("find",)))
    sure = detections((0.1, 0.1, 0.2, 0.2))
    lost = detections((0.1, 0.1, 0.2, 0.2), (np.nan, 0.1, 0.2, 0.2))
    told = [sure, replace(sure, partial=True), lost]
    frames = [grey_frame(n, results={"find": one}) for n, one in enumerate(told)]
    assert [one.partial for one in stage.run(frames) if one is not None] == [False, True, True]


def test_it_wants_a_node_that_finds_things() -> None:
    with pytest.raises(BadOptions, match="wanted a node that finds things in `from`, got none"):
        Track(TrackOptions(), StageContext("track"))


def test_a_track_does_not_begin_with_less_than_it_goes_on_with() -> None:
    with pytest.raises(BadOptions, match=r"track.low: wanted 0.2, which is `score`, or less"):
        Track(TrackOptions(score=0.2, low=0.9), StageContext("track", inputs=("find",)))


def test_without_its_package_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['trackers'] = None\n"
        "from stages.stage import StageContext\n"
        "from stages.track import Track, TrackOptions\n"
        "Track(TrackOptions(), StageContext('track', inputs=('find',)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    wanted = "wanted the package trackers: pip install 'framewire[track]'"
    assert done.stderr.rstrip().endswith(wanted)
