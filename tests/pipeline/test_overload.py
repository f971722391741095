"""Under overload the less important streams give way first, in a declared order."""

from pipeline.filters import AtMost
from pipeline.overload import CALM, Governor
from tests.factory import grey_frame


def levels(governor: Governor) -> dict[str, tuple[int, bool]]:
    return {s: (governor.level(s).every, governor.level(s).optional) for s in ("low", "high")}


def test_the_lowest_priority_gives_way_first_in_rate_and_then_in_optional_stages() -> None:
    governor = Governor({"low": 0, "high": 1})
    seen = []
    for lost in range(1, 6):
        governor.look(lost)
        seen.append(levels(governor)["low"])
    assert seen == [(2, True), (4, True), (4, False), (4, False), (4, False)]
    assert levels(governor)["high"] == (1, True)


def test_they_come_back_one_level_at_a_time_when_nothing_has_been_lost_for_a_while() -> None:
    governor = Governor({"low": 0, "high": 1})
    for lost in (1, 2):
        governor.look(lost)
    events = [event for _ in range(2 * CALM) for event in governor.look(2)]
    assert [(e.name, e.about, e.detail["level"]) for e in events] == [
        ("stream.restored", "low", 1),
        ("stream.restored", "low", 0),
    ]


def test_the_middle_follows_only_when_the_lowest_has_no_more_to_give() -> None:
    governor = Governor({"low": 0, "mid": 5, "high": 9})
    names = [event.about for lost in range(1, 9) for event in governor.look(lost)]
    assert names == ["low"] * 3 + ["mid"] * 3


def test_streams_of_equal_priority_are_left_to_the_links() -> None:
    governor = Governor({"low": 3, "high": 3})
    assert [governor.look(lost) for lost in range(1, 5)] == [()] * 4


def test_the_filter_spares_frames_and_says_why() -> None:
    governor = Governor({"low": 0, "high": 1})
    first = governor.filter(fed_by_capture=True, optional=False)
    optional = governor.filter(fed_by_capture=False, optional=True)
    frames = [grey_frame(seq, "low") for seq in range(4)]
    assert [first(frame) for frame in frames] == [None] * 4
    for lost in (1, 2, 3):
        governor.look(lost)
    assert [first(frame) for frame in frames] == [None, "rate", "rate", "rate"]
    assert [optional(frame) for frame in frames] == ["optional"] * 4
    assert first(grey_frame(1, "high")) is None


def test_half_the_rate_is_half_of_what_a_node_takes_not_of_what_is_captured() -> None:
    governor = Governor({"low": 0, "high": 1})
    governor.look(1)
    ten_a_second, overload = AtMost(10), governor.filter(fed_by_capture=True, optional=False)
    frames = [grey_frame(seq, "low") for seq in range(100)]  # four seconds at 25
    taken = [f for f in frames if ten_a_second(f) is None and overload(f) is None]
    assert len(taken) == 20
