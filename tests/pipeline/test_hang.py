"""A stage that hangs costs the frames that it holds; others go on."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.results import Result
from pipeline.gate import Gate
from pipeline.isolation import IsolatedStage, WorkerLost
from pipeline.link import Lane, Link
from pipeline.node import Node
from pipeline.worker import Rules, Worker
from stages.events import Event
from stages.frame import Frame
from stages.stage import StageContext
from tests.factory import grey_frame, nothing
from tests.pipeline import stages
from tests.pipeline.running import run, total


class Stuck:
    """Does not come back from the frames in `bad` until it is let go, once for each."""

    stateless = True

    def __init__(self, *bad: int) -> None:
        self.bad = bad
        self.entered = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)

    def run(self, frames: Sequence[Frame]) -> Sequence[Result | None]:
        if any(frame.seq in self.bad for frame in frames):
            self.entered.release()
            self.let_go.acquire()
        return [nothing() for _ in frames]

    def close(self) -> None:
        pass


class Running:
    """A worker on frames of one stream, and the node behind it."""

    def __init__(self, stage: Stuck, rules: Rules) -> None:
        self.events: list[Event] = []
        self.stopped: list[str] = []
        self.back = threading.Semaphore(0)
        self.out = threading.Semaphore(0)
        self.node = Node("node", {"a": ("capture",)}, Link({"a": Lane("block", 99, Gate())}))
        self.after = Node("after", {"a": ("node",)}, Link({"a": Lane("block", 99, Gate())}))
        self.node.outputs["a"].append(self.after)
        self.after.on_arrival = self.out.release
        self.worker = Worker(self.node, stage, rules, self._hear, self.stopped.append)
        self.worker.start()

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        if event.name == "stage.resumed":
            self.back.release()

    def send(self, *numbers: int) -> None:
        for seq in numbers:
            self.node.arrive(grey_frame(seq), "capture", said=True)

    def late(self) -> None:
        """The watchdog looks an hour later."""
        self.worker.look(time.monotonic() + 3600)

    def end(self) -> list[int]:
        """Bring it home; the frames that came out."""
        self.node.end()
        assert self.worker.join(time.monotonic() + 60)
        batch, _ = self.after.take(99)
        return [] if batch is None else [frame.seq for frame in batch.frames]


def names(events: Sequence[Event]) -> list[str]:
    return [event.name for event in events]


def test_a_call_in_good_time_is_left_alone() -> None:
    stage = Stuck(0)
    running = Running(stage, Rules(hang=60))
    running.send(0)
    stage.entered.acquire()
    running.worker.look(time.monotonic() + 30)
    stage.let_go.release()
    assert running.end() == [0]
    assert running.events == []
    assert running.worker.hangs == 0


def test_without_a_limit_nothing_is_given_up() -> None:
    stage = Stuck(0)
    running = Running(stage, Rules())
    running.send(0)
    stage.entered.acquire()
    running.late()
    stage.let_go.release()
    assert running.end() == [0]


def test_the_frames_of_a_call_that_hangs_have_failed_and_others_are_let_go_until_it_is_back() -> (
    None
):
    stage = Stuck(1)
    running = Running(stage, Rules(hang=60))
    running.send(0, 1)
    stage.entered.acquire()
    running.send(2)  # waits behind it
    running.late()
    assert running.worker.hung
    running.send(3)
    account = running.node.balances()["a"]
    assert (account.failed, account.dropped) == ({"hung": 1}, {"hung": 2})
    assert (account.in_flight, running.after.balances()["a"].dropped) == (0, {"upstream": 3})

    stage.let_go.release()
    assert running.back.acquire(timeout=60)
    running.send(4)
    assert running.end() == [0, 4]
    assert names(running.events) == ["stage.hung", "stage.resumed"]
    told = dict(running.events[0].detail)
    assert told == {"hang_s": 60, "frames": 1, "stream": "a", "seq": 1}
    assert running.worker.hangs == 1
    assert running.node.balances()["a"].balanced


def test_what_a_call_says_after_it_was_given_up_is_not_heard() -> None:
    stage = Stuck(0)
    running = Running(stage, Rules(hang=60))
    frame = grey_frame(0)
    running.node.arrive(frame, "capture", said=True)
    stage.entered.acquire()
    running.late()
    stage.let_go.release()
    assert running.end() == []
    assert frame.results == {}


def test_one_thread_that_hangs_does_not_stop_its_neighbour() -> None:
    stage = Stuck(0)
    running = Running(stage, Rules(parallel=2, hang=60))
    running.send(0)
    stage.entered.acquire()
    running.late()
    running.send(1, 2, 3)
    for _ in range(3):
        assert running.out.acquire(timeout=60)
    assert running.worker.hung
    stage.let_go.release()
    assert running.end() == [1, 2, 3]
    assert running.node.balances()["a"].failed == {"hung": 1}


def test_a_stage_that_hangs_time_after_time_is_taken_out() -> None:
    stage = Stuck(0, 1)
    running = Running(stage, Rules(hang=60, patience=2))
    for seq in range(2):
        running.send(seq)
        stage.entered.acquire()
        running.late()
        stage.let_go.release()
        assert running.back.acquire(timeout=60)
    running.send(2)
    assert running.end() == []
    assert "stage.removed" in names(running.events)
    assert running.node.balances()["a"].dropped == {"removed": 1}


def test_a_process_that_hangs_is_killed_and_replaced() -> None:
    events: list[Event] = []
    stage = IsolatedStage(
        f"{stages.__file__}:HangAt", stages.Options(), StageContext("node"), stateless=True,
        announce=events.append, hang=0.2,
    )  # fmt: skip
    before = stage.pid
    with pytest.raises(WorkerLost) as lost:
        stage.run([grey_frame(5)])
    assert len(stage.run([grey_frame(6)])) == 1
    assert stage.pid != before
    stage.close()
    assert lost.value.reason == "hung"
    assert names(events) == ["stage.hung", "worker.lost", "worker.back"]


def test_a_process_that_takes_nothing_any_more_is_replaced_too() -> None:
    events: list[Event] = []
    stage = IsolatedStage(
        f"{stages.__file__}:MeanGrey", stages.Options(), StageContext("node"), stateless=True,
        announce=events.append, hang=0.2,
    )  # fmt: skip
    os.kill(stage.pid, signal.SIGSTOP)
    frames = [grey_frame(seq) for seq in range(5000)]  # whose heads fill its socket
    with pytest.raises(WorkerLost) as lost:
        stage.run(frames)
    assert len(stage.run(frames[:1])) == 1
    stage.close()
    assert lost.value.reason == "hung"
    assert names(events) == ["stage.hung", "worker.lost", "worker.back"]


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_a_stage_that_hangs_leaves_the_others_of_its_pipeline_unharmed(
    tmp_path: Path, isolation: str
) -> None:
    for number in range(30):
        cv2.imwrite(str(tmp_path / f"{number:02}.png"), np.zeros((48, 64, 3), np.uint8))
    done = await run(
        tmp_path,
        f"""
        streams: {{ a: {{ source: "{tmp_path}", pace: fast }} }}
        graph:
          hangs: {{ stage: "{{stages}}:HangAt", hang_s: 0.3, isolation: {isolation} }}
          count: {{ stage: "{{stages}}:Count" }}
          both: {{ stage: "{{stages}}:Count", from: [hangs, count] }}
        sinks: {{ null: {{ sink: "null", from: [both] }} }}
        """,
    )
    assert total(done, "count").done == 30
    assert total(done, "both").done == 30
    failed = total(done, "hangs").failed
    assert failed == {"hung": 1}
    assert done.workers["hangs"].hangs == 1
    assert done.bulletin.counts["stage.hung"] == 1
