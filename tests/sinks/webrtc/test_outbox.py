"""A viewer that cannot keep up loses whole pictures, up to one that stands alone."""

import pytest

from sinks.webrtc.outbox import MOST_AGE_S, MOST_BYTES, Outbox, Picture


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Box(Outbox):
    """An outbox with a clock of its own; counts how often it asks for a keyframe."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.wanted = 0
        super().__init__(self.ask, self.clock)
        self.begin()
        self.wanted = 0

    def ask(self) -> None:
        self.wanted += 1


def picture(number: int, *, keyframe: bool = False, size: int = 1000) -> Picture:
    return Picture((b"",), number, keyframe, b"", size)


def taken(box: Outbox) -> list[int]:
    return [picture.rtp for picture in iter(box.take, None)]


def test_pictures_come_out_in_their_order() -> None:
    box = Box()
    for number in range(5):
        box.offer(picture(number, keyframe=number == 0))
    assert taken(box) == [0, 1, 2, 3, 4]
    assert box.lost == 0


def test_nothing_before_the_first_keyframe_is_any_use() -> None:
    box = Box()
    for number in range(4):
        box.offer(picture(number, keyframe=number == 2))
    assert taken(box) == [2, 3]
    assert box.lost == 2
    assert box.wanted == 0  # who attaches gets one anyway


@pytest.mark.parametrize("late", [0.0, 2 * MOST_AGE_S])
def test_who_is_slow_goes_on_with_the_next_keyframe(late: float) -> None:
    box = Box()
    size = 1000 if late else MOST_BYTES // 2 + 1
    for number in range(3):
        box.offer(picture(number, keyframe=number == 0, size=size))
        box.clock.now += late
    assert (box.lost, box.wanted) == (2 if late else 1, 1)
    box.offer(picture(3))
    assert box.wanted == 1  # it has asked
    box.offer(picture(4, keyframe=True))
    box.offer(picture(5))
    assert taken(box) == [4, 5]
    assert box.lost == 4  # 0 or more that waited, and those that came


def test_a_keyframe_behind_others_that_are_fresh_keeps_them() -> None:
    box = Box()
    for number in range(4):
        box.offer(picture(number, keyframe=number in {0, 2}))
    assert taken(box) == [0, 1, 2, 3]


def test_memory_is_bounded_whatever_comes() -> None:
    box = Box()
    for number in range(10_000):
        box.offer(picture(number, keyframe=number % 50 == 0, size=100_000))
        box.clock.now += 0.04
        assert len(box) <= MOST_BYTES // 100_000 + 2
        assert len(box) <= MOST_AGE_S / 0.04 + 2
    assert box.lost + len(box) == 10_000


def test_what_has_waited_for_the_connection_is_seen_at_once() -> None:
    box = Outbox(lambda: None)
    for number in range(4):
        box.offer(Picture((b"",), 3600 * number, number in {0, 2}, b"note", 1))
    box.begin()
    waiting = list(iter(box.take, None))
    assert [one.rtp for one in waiting] == [10797, 10798, 10799, 10800]
    assert [bool(one.note) for one in waiting] == [False, False, False, True]


def test_who_took_too_long_to_connect_asks_for_a_keyframe_then_and_not_before() -> None:
    clock, asked = Clock(), []
    box = Outbox(lambda: asked.append(clock.now), clock)
    for number in range(100):
        box.offer(picture(number, keyframe=number == 0))
        clock.now += 0.04
    assert asked == []
    box.begin()
    assert len(asked) == 1
    assert box.lost == 0
