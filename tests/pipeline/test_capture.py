"""A capture thread reads its source again after each break, and says what happened."""

import queue
import threading
import time
from collections.abc import Callable, Iterator

from pipeline.capture import Capture
from pipeline.gate import Gate
from stages.capture.backoff import Backoff
from stages.errors import BadFile, SourceLost, SourceRefused
from stages.events import Event
from stages.frame import Frame
from stages.source import SourceStats
from tests.factory import grey_frame

LIMIT = 10.0  # seconds after which a test gives up

Script = list[int | Exception]


class Scripted:
    """A source that gives so many frames and breaks off as told, one connection after another."""

    def __init__(self, *connections: Script, live: bool = True) -> None:
        self.live = live
        self.stats = SourceStats()
        self.open = 0
        self._connections = iter(connections)
        self._seq = 0

    def frames(self) -> Iterator[Frame]:
        self.open += 1
        try:
            for step in next(self._connections, []):
                if isinstance(step, Exception):
                    raise step
                for _ in range(step):
                    yield grey_frame(self._seq)
                    self._seq += 1
        finally:
            self.open -= 1


def read(source: Scripted, gate: Gate | None = None) -> tuple[Capture, list[int], list[Event]]:
    """Run a capture to its end; the frames and events that came of it."""
    seqs: list[int] = []
    events: list[Event] = []
    ended = threading.Event()
    capture = Capture(
        "a", source, Backoff(0.001, 0.001), gate or Gate(), lambda f: seqs.append(f.seq),
        events.append, ended.set,
    )  # fmt: skip
    capture.start()
    assert ended.wait(LIMIT)
    assert capture.join(time.monotonic() + LIMIT)
    return capture, seqs, events


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


def test_an_outage_is_an_event_and_the_frames_go_on() -> None:
    source = Scripted([3, SourceLost("gone")], [2])
    capture, seqs, events = read(source)
    assert seqs == [0, 1, 2, 3, 4]
    assert names(events) == ["source.lost", "source.back", "source.ended"]
    assert capture.outages == 1
    assert capture.failed is None
    assert 0 < capture.downtime < LIMIT
    assert source.open == 0


def test_several_vain_tries_are_one_outage() -> None:
    source = Scripted([1, SourceLost("gone")], [SourceLost("still")], [SourceLost("still")], [1])
    capture, seqs, events = read(source)
    assert seqs == [0, 1]
    assert names(events) == ["source.lost", "source.back", "source.ended"]
    assert capture.outages == 1


def test_a_file_that_is_refused_fails_its_stream_and_says_why() -> None:
    capture, seqs, events = read(Scripted([SourceRefused("no such file")], live=False))
    assert seqs == []
    assert capture.failed == "no such file"
    assert [(e.name, e.detail["error"]) for e in events] == [("source.refused", "no such file")]


def test_a_file_that_is_none_is_not_asked_again_though_it_plays_like_a_camera() -> None:
    capture, seqs, events = read(Scripted([BadFile("not a video")], live=True))
    assert seqs == []
    assert capture.failed == "not a video"
    assert names(events) == ["source.refused"]


def test_a_fault_of_our_own_ends_the_stream_and_is_told() -> None:
    capture, seqs, events = read(Scripted([1, KeyError("oops")]))
    assert seqs == [0]
    assert capture.failed == "KeyError: 'oops'"
    assert names(events) == ["source.failed"]


def running(source: Scripted, enter: Callable[[Frame], None], gate: Gate) -> Capture:
    capture = Capture("a", source, Backoff(), gate, enter, lambda _: None, lambda: None)
    capture.start()
    return capture


def test_stop_ends_an_outage_at_once() -> None:
    source = Scripted([1, SourceRefused("wrong password")])  # asked again after 30 s only
    seen: queue.Queue[Frame] = queue.Queue()
    capture = running(source, seen.put, Gate())
    seen.get(timeout=LIMIT)
    capture.stop()
    assert capture.join(time.monotonic() + LIMIT)
    assert not capture.connected


def test_a_shut_gate_holds_the_source_and_stop_opens_it() -> None:
    gate, seen = Gate(), queue.Queue[Frame]()
    gate.hold()
    capture = running(Scripted([10**9]), seen.put, gate)
    assert seen.empty()
    gate.release()
    seen.get(timeout=LIMIT)
    gate.hold()
    capture.stop()
    assert capture.join(time.monotonic() + LIMIT)


def test_what_was_connected_when_it_was_stopped_is_told_as_that() -> None:
    seen = threading.Event()
    capture = running(Scripted([10**9]), lambda _: seen.set(), Gate())
    assert seen.wait(LIMIT)
    capture.stop()
    assert capture.join(time.monotonic() + LIMIT)
    assert capture.connected


def test_what_had_ended_by_itself_is_not_connected_though_it_is_stopped() -> None:
    capture, _, _ = read(Scripted([2]))
    capture.stop()
    assert not capture.connected


def test_after_a_stop_no_frame_comes_once_the_one_that_is_going_in_is_through() -> None:
    inside, go_on = threading.Event(), threading.Event()
    entered: list[int] = []

    def enter(frame: Frame) -> None:
        inside.set()
        assert go_on.wait(LIMIT)
        entered.append(frame.seq)

    capture = running(Scripted([10**9]), enter, Gate())
    assert inside.wait(LIMIT)
    capture.stop()
    assert not capture.settle(time.monotonic())
    go_on.set()
    assert capture.settle(time.monotonic() + LIMIT)
    assert entered == [0]
    assert capture.join(time.monotonic() + LIMIT)
    assert entered == [0]
