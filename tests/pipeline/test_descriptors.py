"""Few descriptors left is told, and that there are enough again."""

from collections.abc import Sequence

from pipeline.descriptors import Descriptors, for_viewers
from stages.events import Event


def names(events: Sequence[Event]) -> list[str]:
    return [event.name for event in events]


def test_descriptors_are_told_of_when_they_become_few_and_when_there_are_enough() -> None:
    allowed = iter([(100, 50), (100, 91), (100, 99), (100, 85), (100, 80), (100, 50)])
    descriptors = Descriptors(lambda: next(allowed))
    told = [names(descriptors.look()) for _ in range(6)]
    assert told == [[], ["descriptors.short"], [], [], ["descriptors.enough"], []]


def test_this_process_has_some_left_and_viewers_may_take_some() -> None:
    assert Descriptors().look() == ()
    assert for_viewers() >= 1
