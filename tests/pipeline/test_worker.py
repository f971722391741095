"""A worker runs a stage, and an error costs the frames of its call, not the pipeline."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from models.results import Result
from pipeline.gate import Gate
from pipeline.isolation import IsolatedStage, StageFailed, WorkerLost
from pipeline.link import Lane, Link
from pipeline.node import Node
from pipeline.worker import Rules, Worker
from stages.events import Event
from stages.frame import Frame
from stages.stage import Options, Runs, StageContext
from tests.factory import grey_frame, nothing
from tests.pipeline import stages

CONTEXT = StageContext("node")


class Raises:
    """Raises on the frames it is told."""

    def __init__(self, *bad: int, stateless: bool = True) -> None:
        self.bad = bad
        self.stateless = stateless
        self.calls: list[list[int]] = []
        self.closed = 0

    def run(self, frames: Sequence[Frame]) -> Sequence[Result | None]:
        self.calls.append([frame.seq for frame in frames])
        for frame in frames:
            if frame.seq in self.bad:
                raise ZeroDivisionError(f"frame {frame.seq}")
        return [nothing() for _ in frames]

    def close(self) -> None:
        self.closed += 1


class Miscounts(Raises):
    """Forgets a result."""

    def run(self, frames: Sequence[Frame]) -> Sequence[Result | None]:
        return [nothing() for _ in frames][1:]


class Leaves(Raises):
    """Wants to end the process, and to fail again when it is closed."""

    def run(self, frames: Sequence[Frame]) -> Sequence[Result | None]:
        raise SystemExit(3)

    def close(self) -> None:
        raise ZeroDivisionError("in close")


class Forestalls(Raises):
    """Puts its result on the frame by itself, and then gives another."""

    def run(self, frames: Sequence[Frame]) -> Sequence[Result | None]:
        for frame in frames:
            if frame.seq in self.bad:
                frame.say("node", nothing())
        return [nothing() for _ in frames]


class Outcomes:
    """What came of running a stage over so many frames."""

    def __init__(self, stage: Runs, frames: int, rules: Rules) -> None:
        self.events: list[Event] = []
        self.stopped: list[str] = []
        lane = Lane("block", 10_000, Gate())
        node = Node("node", {"a": ("capture",)}, Link({"a": lane}))
        self.after = Node("after", {"a": ("node",)}, Link({"a": Lane("block", 10_000, Gate())}))
        node.outputs["a"].append(self.after)
        for seq in range(frames):
            node.arrive(grey_frame(seq), "capture", said=True)
        node.end()
        self.worker = Worker(node, stage, rules, self.events.append, self.stopped.append)
        self.worker.start()
        assert self.worker.join(time.monotonic() + 60)
        self.balance = node.balances()["a"]
        batch, _ = self.after.take(10_000)
        self.passed = [] if batch is None else [frame.seq for frame in batch.frames]
        assert self.balance.balanced
        assert self.balance.in_flight == 0


def test_every_frame_is_done_and_goes_on_in_order() -> None:
    stage = Raises()
    seen = Outcomes(stage, 10, Rules(batch=4))
    assert stage.calls == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert seen.passed == list(range(10))
    assert seen.balance.done == 10
    assert stage.closed == 1


def test_frames_stay_in_order_when_batches_run_side_by_side() -> None:
    seen = Outcomes(Raises(), 500, Rules(parallel=4))
    assert seen.passed == list(range(500))


def test_a_bad_frame_of_a_batch_costs_only_itself() -> None:
    seen = Outcomes(Raises(2), 4, Rules(batch=4))
    assert seen.passed == [0, 1, 3]
    assert seen.balance.failed == {"ZeroDivisionError": 1}


def test_a_stage_with_a_memory_sees_no_frame_twice_so_its_batch_is_lost() -> None:
    stage = Raises(2, stateless=False)
    seen = Outcomes(stage, 4, Rules(batch=4))
    assert stage.calls == [[0, 1, 2, 3]]
    assert seen.balance.failed == {"ZeroDivisionError": 4}


def test_a_result_that_is_there_already_costs_its_frame_only() -> None:
    seen = Outcomes(Forestalls(1), 3, Rules(batch=3))
    assert seen.passed == [0, 2]
    assert seen.balance.failed == {"RuntimeError": 1}


def test_a_wrong_number_of_results_is_an_error_not_a_shift() -> None:
    seen = Outcomes(Miscounts(stateless=False), 3, Rules(batch=3))
    assert seen.balance.failed == {"ValueError": 3}
    assert seen.passed == []


def test_a_stage_that_always_fails_is_taken_out_and_the_rest_goes_on() -> None:
    seen = Outcomes(Raises(*range(100)), 50, Rules(patience=5))
    assert seen.balance.failed == {"ZeroDivisionError": 5}
    assert seen.balance.dropped == {"removed": 45}
    assert [event.name for event in seen.events] == ["stage.removed"]
    assert seen.stopped == []


def test_failures_that_are_not_on_end_do_not_add_up() -> None:
    seen = Outcomes(Raises(*range(0, 50, 2)), 50, Rules(patience=2))
    assert seen.balance.failed == {"ZeroDivisionError": 25}
    assert seen.balance.done == 25


def test_on_error_stop_ends_the_pipeline_and_says_why() -> None:
    seen = Outcomes(Raises(*range(9)), 9, Rules(patience=3, on_error="stop"))
    assert seen.stopped == ["node failed 3 times in a row: ZeroDivisionError: frame 2"]


def test_a_stage_that_exits_or_does_not_close_takes_nothing_with_it() -> None:
    seen = Outcomes(Leaves(), 3, Rules(patience=2))
    assert seen.balance.failed == {"SystemExit": 2}
    assert seen.balance.dropped == {"removed": 1}


def test_a_batch_does_not_wait_for_frames_that_have_no_room_to_wait_in() -> None:
    link = Link({"a": Lane("block", 2, Gate())})
    node = Node("node", {"a": ("capture",)}, link)
    for seq in range(2):
        node.arrive(grey_frame(seq), "capture", said=True)
    batch, _ = node.take(8, patience=60)
    assert batch is not None
    assert [frame.seq for frame in batch.frames] == [0, 1]


def isolated(kind: str, options: Options | None = None) -> tuple[IsolatedStage, list[Event]]:
    events: list[Event] = []
    stage = IsolatedStage(
        f"{stages.__file__}:{kind}", options or Options(), CONTEXT, stateless=True,
        announce=events.append,
    )  # fmt: skip
    return stage, events


def test_an_isolated_stage_sees_the_same_pixels() -> None:
    stage, _ = isolated("MeanGrey")
    try:
        frames = [grey_frame(seq, grey=grey) for seq, grey in enumerate((0, 51, 255))]
        scores = [result.scores[0] for result in stage.run(frames)]
    finally:
        stage.close()
    assert scores == pytest.approx([0, 0.2, 1], abs=0.01)


def test_a_worker_process_that_is_killed_costs_its_batch_and_is_replaced() -> None:
    stage, events = isolated("DieAt")
    seen = Outcomes(stage, 10, Rules())
    assert seen.balance.failed == {"worker lost": 1}
    assert seen.passed == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert [event.name for event in events] == ["worker.lost", "worker.back"]
    assert events[0].detail["exit_code"] == -9


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def lose_one(stage: IsolatedStage) -> None:
    os.kill(stage.pid, signal.SIGKILL)
    with pytest.raises(WorkerLost):
        stage.run([grey_frame(0)])
    assert len(stage.run([grey_frame(1)])) == 1


def test_a_process_stands_by_and_takes_over_and_another_stands_by_then() -> None:
    before = children()
    stage, events = isolated("MeanGrey")
    for _ in range(2):
        first = stage.pid
        (spare,) = children() - before - {first}
        lose_one(stage)
        assert stage.pid == spare
    assert len(children() - before) == 2
    assert [event.name for event in events] == ["worker.lost", "worker.back"] * 2
    stage.close()
    assert children() == before


def test_a_process_that_was_killed_while_it_stood_by_costs_nothing() -> None:
    before = children()
    stage, events = isolated("MeanGrey")
    first = stage.pid
    (spare,) = children() - before - {first}
    os.kill(spare, signal.SIGKILL)
    while psutil.Process(spare).status() != psutil.STATUS_ZOMBIE:
        os.sched_yield()
    lose_one(stage)
    assert stage.pid not in {first, spare}
    assert [event.name for event in events] == ["worker.lost", "worker.back"]
    stage.close()
    assert children() == before


def test_what_an_isolated_stage_raises_keeps_its_name() -> None:
    stage, _ = isolated("Fail", stages.FailOptions(nth=2))
    seen = Outcomes(stage, 4, Rules())
    assert seen.balance.failed == {"ZeroDivisionError": 2}


def test_an_isolated_stage_that_cannot_be_made_says_why() -> None:
    with pytest.raises(StageFailed, match="RuntimeError: no such thing as this stage"):
        isolated("Unmakeable")


def test_an_isolated_stage_is_found_from_a_config_in_a_relative_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("from tests.pipeline.stages import Closes")
    monkeypatch.chdir(tmp_path)
    stage = IsolatedStage(
        "./mine.py:Closes", Options(), StageContext("node"), stateless=True, announce=print
    )
    stage.close()


def test_an_isolated_stage_is_closed_and_does_not_die_of_the_end_of_its_service(
    tmp_path: Path,
) -> None:
    stage = IsolatedStage(
        f"{stages.__file__}:Closes", Options(), StageContext("node", folder=tmp_path),
        stateless=True, announce=print,
    )  # fmt: skip
    os.kill(stage.pid, signal.SIGTERM)
    stage.run([grey_frame(0)])
    stage.close()
    assert (tmp_path / "closed").exists()


def test_a_replaced_process_outlives_the_thread_that_lost_the_first_and_is_closed(
    tmp_path: Path,
) -> None:
    stage = IsolatedStage(
        f"{stages.__file__}:Closes", Options(), StageContext("node", folder=tmp_path),
        stateless=True, announce=print,
    )  # fmt: skip

    def lose_and_go_on() -> None:
        os.kill(stage.pid, signal.SIGKILL)
        with pytest.raises(WorkerLost):
            stage.run([grey_frame(0)])
        stage.run([grey_frame(1)])

    worker = threading.Thread(target=lose_and_go_on)
    worker.start()
    worker.join()
    # Until the system, too, has ended the thread: only then would it end the child.
    while Path(f"/proc/self/task/{worker.native_id}").exists():
        os.sched_yield()
    stage.close()
    assert (tmp_path / "closed").exists()


def test_an_isolated_stage_and_the_one_that_takes_its_place_have_other_options() -> None:
    stage, _ = isolated("Scored", stages.ScoredOptions())

    def score() -> float:
        (said,) = stage.run([grey_frame(0)])
        assert said is not None
        return float(said.scores[0])

    try:
        assert score() == 0.5
        stage.retune(stages.ScoredOptions(score=0.25))
        assert score() == 0.25
        with pytest.raises(StageFailed, match="BadOptions: score: wanted some doubt"):
            stage.retune(stages.ScoredOptions(score=1))
        os.kill(stage.pid, signal.SIGKILL)
        with pytest.raises(WorkerLost):
            stage.run([grey_frame(0)])
        assert score() == 0.25
        os.kill(stage.pid, signal.SIGKILL)
        with pytest.raises(WorkerLost):
            stage.retune(stages.ScoredOptions(score=0.75))
        assert score() == 0.25
    finally:
        stage.close()


class Retunable(Raises):
    """Says what happens to it; a batch with frame 0 takes until `release` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.release = threading.Event(), threading.Event()
        self.running = 0
        self.seen: list[int] = []  # batches at work while it was retuned
        self.lock = threading.Lock()

    def run(self, frames: Sequence[Frame]) -> Sequence[Result | None]:
        with self.lock:
            self.running += 1
        if frames[0].seq == 0:
            self.began.set()
            assert self.release.wait(60)
        with self.lock:
            self.running -= 1
        return [nothing() for _ in frames]

    def retune(self, _: Options) -> None:
        self.seen.append(self.running)


def test_options_change_only_while_no_batch_is_at_work() -> None:
    stage = Retunable()
    link = Link({"a": Lane("block", 10_000, Gate())})
    node = Node("node", {"a": ("capture",)}, link)
    worker = Worker(node, stage, Rules(parallel=4), print, print)
    worker.start()
    for seq in range(500):
        node.arrive(grey_frame(seq), "capture", said=True)
    assert stage.began.wait(60)
    with pytest.raises(TimeoutError, match=r"two batches, got one that takes over 0\.01"):
        worker.retune(Options(), patience=0.01)
    assert stage.seen == []
    stage.release.set()
    for _ in range(20):
        worker.retune(Options(), patience=60)
    assert stage.seen == [0] * 20
    node.end()
    assert worker.join(time.monotonic() + 60)
    assert node.balances()["a"].done == 500
    with pytest.raises(RuntimeError, match="got one that has ended"):
        worker.retune(Options(), patience=1)
