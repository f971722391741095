"""A sink's outage is told once when it begins and once when it is over."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.descriptors import Descriptors, for_viewers
from pipeline.outage import CALM_S, Outage
from stages.events import Event


def names(events: Sequence[Event | None]) -> list[str]:
    return [event.name for event in events if event is not None]


def test_an_outage_is_two_events_however_often_the_sink_fails() -> None:
    outage = Outage("file")
    lost = [outage.failed("SinkLost: full", 5, now) for now in (10.0, 11.0, 12.0)]
    back = [outage.wrote(now) for now in (12.1, 12.0 + CALM_S, 20.0)]
    assert names(lost) == ["sink.lost"]
    assert names(back) == ["sink.back"]
    assert lost[0] is not None
    assert lost[0].detail == {"error": "SinkLost: full"}
    assert back[1] is not None
    assert back[1].detail == {"away_s": 2.0, "failed": 15}


def test_writes_between_failures_do_not_end_it() -> None:
    outage = Outage("file")
    told = []
    for second in range(10):
        told.append(outage.failed("SinkLost: full", 1, float(second)))
        told.append(outage.wrote(second + 0.5))
    assert names(told) == ["sink.lost"]


def test_a_second_outage_is_told_again() -> None:
    outage = Outage("file")
    told = [outage.failed("x", 1, 0.0), outage.wrote(9.0), outage.failed("y", 2, 10.0)]
    told.append(outage.wrote(20.0))
    assert names(told) == ["sink.lost", "sink.back", "sink.lost", "sink.back"]
    assert told[-1] is not None
    assert told[-1].detail["failed"] == 2


def test_a_sink_that_is_well_tells_nothing() -> None:
    assert Outage("file").wrote(1.0) is None


def test_descriptors_are_told_of_when_they_become_few_and_when_there_are_enough() -> None:
    allowed = iter([(100, 50), (100, 91), (100, 99), (100, 85), (100, 80), (100, 50)])
    descriptors = Descriptors(lambda: next(allowed))
    told = [names(descriptors.look()) for _ in range(6)]
    assert told == [[], ["descriptors.short"], [], [], ["descriptors.enough"], []]


def test_this_process_has_some_left_and_viewers_may_take_some() -> None:
    assert Path("/proc/self/fd").exists()
    assert Descriptors().look() == ()
    assert for_viewers() >= 1
