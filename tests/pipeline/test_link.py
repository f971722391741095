"""A link is bounded, says what it does when full, and keeps streams apart."""

import pytest

from pipeline.gate import Gate
from pipeline.link import Lane, Link, Policy
from sinks.sink import Delivery
from tests.factory import grey_frame


def link(policy: Policy, capacity: int = 2, max_age: float | None = None) -> tuple[Link, Gate]:
    gate = Gate()
    lanes = {stream: Lane(policy, capacity, gate) for stream in ("a", "b")}
    return Link(lanes, max_age), gate


def put(into: Link, seq: int, stream: str = "a") -> tuple[int, str] | None:
    drop = into.put(Delivery(grey_frame(seq, stream), ("capture",)), now=0.0)
    return None if drop is None else (drop.delivery.frame.seq, drop.reason)


def seqs(batch: list[Delivery]) -> list[int]:
    return [delivery.frame.seq for delivery in batch]


def test_drop_oldest_loses_the_oldest() -> None:
    full, _ = link("drop_oldest")
    assert [put(full, seq) for seq in range(4)] == [None, None, (0, "full"), (1, "full")]
    batch, aged = full.take(8, now=0.0)
    assert seqs(batch) == [2, 3]
    assert aged == []


def test_latest_keeps_only_the_newest_whatever_its_size() -> None:
    full, _ = link("latest", capacity=5)
    assert [put(full, seq) for seq in range(3)] == [None, (0, "replaced"), (1, "replaced")]
    assert seqs(full.take(8, now=0.0)[0]) == [2]


def test_block_holds_the_gate_while_it_is_full_and_loses_nothing() -> None:
    full, gate = link("block")
    assert put(full, 0) is None
    assert gate.open
    put(full, 1)
    assert not gate.open
    put(full, 2)  # was on its way already
    full.take(1, now=0.0)
    assert not gate.open
    batch, _ = full.take(8, now=0.0)
    assert gate.open
    assert seqs(batch) == [1, 2]


def test_a_stream_that_floods_loses_its_own_frames_only() -> None:
    full, _ = link("drop_oldest")
    put(full, 7, "b")
    for seq in range(9):
        put(full, seq, "a")
    batch, _ = full.take(8, now=0.0)
    assert {(d.frame.stream, d.frame.seq) for d in batch} == {("b", 7), ("a", 7), ("a", 8)}


def test_streams_take_turns() -> None:
    full, _ = link("drop_oldest", capacity=3)
    for seq in range(3):
        put(full, seq, "a")
    put(full, 0, "b")
    assert [d.frame.stream for d in full.take(4, now=0.0)[0]] == ["a", "b", "a", "a"]


@pytest.mark.parametrize(("age", "kept"), [(0.05, 1), (0.2, 0)])
def test_a_frame_that_has_grown_too_old_is_not_worth_the_work(age: float, kept: int) -> None:
    full, _ = link("drop_oldest", max_age=0.1)
    frame = grey_frame(0)
    full.put(Delivery(frame, ("capture",)), now=frame.arrived)
    batch, aged = full.take(1, now=frame.arrived + age)
    assert len(batch) == kept
    assert [drop.reason for drop in aged] == ["age"] * (1 - kept)


def test_a_gate_that_is_closed_for_good_lets_everybody_pass() -> None:
    full, gate = link("block", capacity=1)
    put(full, 0)
    gate.close()
    assert gate.open
    gate.wait()
