"""A stream's clock never falls, whatever its timestamps do; back-off and masks do as they say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.capture import Backoff, mask
from stages.capture.clock import StreamClock

anything = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.integers(-100, 100)


@given(st.lists(st.tuples(anything, st.booleans()), max_size=60))
def test_time_rises_whatever_comes(steps: list[tuple[float | None, bool]]) -> None:
    clock = StreamClock()
    last = -1.0
    for raw, join in steps:
        if join:
            clock.join()
        placed = clock.place(raw)
        assert math.isfinite(placed)
        assert placed > last
        last = placed


@given(st.floats(-1e6, 1e6), st.lists(st.floats(0.001, 1), max_size=50))
def test_good_timestamps_keep_their_distances(origin: float, gaps: list[float]) -> None:
    clock, raw = StreamClock(), origin
    first = clock.place(raw)
    assert first == 0
    for gap in gaps:
        raw += gap
        assert clock.place(raw) == pytest.approx(raw - origin, abs=1e-6)
    assert clock.repaired == 0


def test_a_missing_timestamp_gets_the_streams_usual_step_and_is_counted() -> None:
    clock = StreamClock()
    for number in range(5):
        clock.place(number * 0.1)
    assert clock.place(None) == pytest.approx(0.5)
    assert clock.repaired == 1


def test_after_a_gap_time_goes_on_by_as_much() -> None:
    clock = StreamClock()
    clock.place(1000.0)
    clock.join(gap=3.0)
    assert clock.place(7.0) == pytest.approx(3.0)


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_waits_double_up_to_the_limit_and_chance_only_shortens_them(seed: int, tries: int) -> None:
    backoff = Backoff(0.1, 1.5, seed=seed)
    for attempt in range(tries):
        limit = min(1.5, 0.1 * 2**attempt)
        assert limit / 2 <= backoff.next() <= limit
    assert backoff.next(lasted_s=60) <= 0.1


@pytest.mark.parametrize(
    ("shown", "masked"),
    [
        ("rtsp://admin:hunter2@cam/main", "rtsp://admin:***@cam/main"),
        ("rtsp://admin:hun@ter/2@cam/main", "rtsp://admin:***@cam/main"),
        ("http://cam/x?token=abc&size=4", "http://cam/x?token=***&size=4"),
        ("rtsp://cam/main", "rtsp://cam/main"),
    ],
)
def test_secrets_in_addresses_are_masked(shown: str, masked: str) -> None:
    assert mask(shown) == masked
