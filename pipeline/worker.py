"""The worker: the threads that run one stage, and what an error costs.

Every node has threads of its own, as many as its batches may run side by side, so that a caption
that takes two seconds never stands before a detection that takes two milliseconds. Decoding,
resizing and ONNX Runtime let go of Python's lock, so the threads share the cores.

A call that takes longer than `hang_s` is given up: its frames have failed, and those that wait for
them go on. A thread cannot be ended, so it may come back: what it says then nobody hears, and the
node takes frames again. While all threads of a node hang, it lets none in.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import structlog
from pydantic import BaseModel

from models.results import Result
from pipeline.batch import SAID, SILENT, Outcome
from pipeline.hang import HUNG, Call, StageHung, hung, resumed
from pipeline.isolation import WorkerLost
from pipeline.node import Node
from pipeline.tuning import step_back
from stages.events import Event
from stages.frame import Frame
from stages.stage import Runs
from stages.throttle import Throttle

log = structlog.get_logger()

Announce = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Rules:
    """How a node's stage is run.

    batch      frames at once, at most
    wait       seconds the first frame of a batch may wait for others
    parallel   batches side by side
    on_error   "skip": a stage that always fails is taken out, and the rest goes on;
               "stop": the pipeline ends
    patience   consecutive failures after which that happens
    nice       how far its threads step back when the cores are busy, 0 to 19
    hang       seconds after which a call is given up, or None for never
    """

    batch: int = 1
    wait: float = 0.0
    parallel: int = 1
    on_error: Literal["skip", "stop"] = "skip"
    patience: int = 10
    nice: int = 0
    hang: float | None = None


@dataclass(slots=True)
class Effort:
    """What running a stage has cost.

    batches, frames  how many were run
    busy             seconds inside the stage, summed over its threads
    """

    batches: int = 0
    frames: int = 0
    busy: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, frames: int, seconds: float) -> None:
        """One batch has been run."""
        with self.lock:
            self.batches += 1
            self.frames += frames
            self.busy += seconds


Answer = Result | None | Outcome
"""What a stage said about a frame, or the outcome where it failed."""


class Worker:
    """Runs one stage for one node.

    stop   called when `on_error: stop` asks for the end of the pipeline, with the reason
    hangs  calls that took too long
    """

    def __init__(
        self,
        node: Node,
        stage: Runs,
        rules: Rules,
        announce: Announce,
        stop: Callable[[str], None],
    ) -> None:
        self.node = node
        self.effort = Effort()
        self._stage = stage
        self._rules = rules
        self._announce = announce
        self._stop = stop
        self.hangs = 0
        self._failures = 0
        self._calls: set[Call] = set()
        self._stuck = 0
        self._closed = False
        self._retuning = False
        self._lock = threading.Condition()
        self._throttle = Throttle()
        self._threads = [
            threading.Thread(target=self._work, name=f"{node.name}-{i}", daemon=True)
            for i in range(rules.parallel)
        ]

    def start(self) -> None:
        """Begin to take batches."""
        for thread in self._threads:
            thread.start()

    def join(self, deadline: float) -> bool:
        """Wait until all threads have left, or until `deadline` (monotonic seconds).

        returns  whether they have; if so the stage is closed
        """
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            return False
        with self._lock:
            if not self._lock.wait_for(lambda: not self._retuning, deadline - time.monotonic()):
                return False
            closed, self._closed = self._closed, True
        if not closed:
            self._close_stage()
        return True

    def retune(self, options: BaseModel, patience: float) -> None:
        """Give the stage other options between two batches. One call at a time; it blocks.

        raises  TimeoutError if a batch went on for `patience` seconds, RuntimeError if the stage
                is closed, and what the stage raises: then it has the options of before
        """
        with self._lock:
            self._retuning = True  # no batch begins
            quiet = self._lock.wait_for(lambda: not self._calls, patience)
        try:
            if not quiet:
                raise TimeoutError(
                    f"wanted a moment between two batches, got one that takes over {patience:g} s"
                )
            if self._closed:
                raise RuntimeError("wanted a node that runs, got one that has ended")
            self._stage.retune(options)
        finally:
            with self._lock:
                self._retuning = False
                self._lock.notify_all()

    def _close_stage(self) -> None:
        try:
            self._stage.close()
        except Exception as error:  # noqa: BLE001 - the stage boundary: the others are to be closed
            text = f"{type(error).__name__}: {error}"
            log.error("stage did not close", node=self.node.name, error=text)

    @property
    def hung(self) -> bool:
        """Whether a call that was given up has not come back."""
        return self._stuck > 0

    def look(self, now: float) -> None:
        """Give up the calls that have taken too long by `now` (monotonic seconds)."""
        limit = self._rules.hang
        if limit is None:
            return
        with self._lock:
            late = [call for call in self._calls if now - call.began > limit and not call.over]
            for call in late:
                call.over = True
                self.hangs += 1
                self._stuck += 1
            if late and self._stuck == len(self._threads):
                self.node.pause(HUNG)
        for call in late:
            self._give_up(call, limit)

    def _give_up(self, call: Call, limit: float) -> None:
        name, frames = self.node.name, call.batch.frames
        self._announce(hung(name, frames, limit))
        error = StageHung(f"did not come back within {limit:g} s")
        self.node.finish(call.batch, self._blame(frames, error))

    def _work(self) -> None:
        step_back(self._rules.nice)
        while (batch := self.node.wait(self._rules.batch, self._rules.wait)) is not None:
            with self._lock:
                self._lock.wait_for(lambda: not self._retuning)
                call = Call(batch, time.monotonic())
                self._calls.add(call)
            answers = self._run(call)
            took = time.monotonic() - call.began
            self.effort.add(len(answers), took)
            if self._is_ours(call):
                self.node.finish(batch, self._tell(batch.frames, answers))
            else:
                self._announce(resumed(self.node.name, took))
            del batch, call, answers  # a waiting worker must not keep a picture alive

    def _is_ours(self, call: Call) -> bool:
        """The end of a call; whether its batch has not been given up meanwhile."""
        with self._lock:
            self._calls.discard(call)
            self._lock.notify_all()
            if call.over:
                self._stuck -= 1
                self.node.resume()
                return False
            call.over = True
            return True

    def _run(self, call: Call) -> Sequence[Answer]:
        frames = call.batch.frames
        try:
            return self._ask(call, frames)
        except WorkerLost as lost:
            if lost.reason == HUNG:
                with self._lock:
                    self.hangs += 1
            return self._blame(frames, lost)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the stage boundary: a stage may raise anything
            if len(frames) > 1 and self._stage.stateless:
                return [self._run_alone(call, frame) for frame in frames]
            return self._blame_unless_over(call, frames, error)

    def _run_alone(self, call: Call, frame: Frame) -> Answer:
        """Find the frame of a failed batch that is to blame, and spare the others."""
        try:
            return self._ask(call, [frame])[0]
        except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
            return self._blame_unless_over(call, [frame], error)[0]

    def _ask(self, call: Call, frames: Sequence[Frame]) -> Sequence[Result | None]:
        results = self._stage.run(frames)
        if len(results) != len(frames):
            raise ValueError(
                f"{self.node.name}: wanted one result for each of {len(frames)} frames, "
                f"got {len(results)}"
            )
        if not call.over:
            self._failures = 0
        return results

    def _tell(self, frames: Sequence[Frame], answers: Sequence[Answer]) -> list[Outcome]:
        """Put results on their frames."""
        return [self._tell_one(*one) for one in zip(frames, answers, strict=True)]

    def _tell_one(self, frame: Frame, answer: Answer) -> Outcome:
        if isinstance(answer, Outcome):
            return answer
        if answer is None:
            return SILENT
        try:
            frame.say(self.node.name, answer)
        except RuntimeError as error:  # the stage has put one there by itself
            return self._blame([frame], error)[0]
        return SAID

    def _blame_unless_over(
        self, call: Call, frames: Sequence[Frame], error: Exception | SystemExit
    ) -> list[Outcome]:
        if call.over:  # it has been blamed for not coming back
            return [Outcome(failed=HUNG)] * len(frames)
        return self._blame(frames, error)

    def _blame(self, frames: Sequence[Frame], error: Exception | SystemExit) -> list[Outcome]:
        name, text = self.node.name, f"{type(error).__name__}: {error}"
        with self._lock:
            self._failures += 1
            failures = self._failures
            if (held_back := self._throttle.ready()) is not None:
                log.error(
                    "stage failed", node=name, stream=frames[0].stream, seq=frames[0].seq,
                    error=text, held_back=held_back,
                )  # fmt: skip
        if failures == self._rules.patience:
            self._take_out(text, failures)
        reason = getattr(error, "reason", type(error).__name__)
        return [Outcome(failed=reason)] * len(frames)

    def _take_out(self, error: str, failures: int) -> None:
        name, on_error = self.node.name, self._rules.on_error
        log.error("stage taken out", node=name, error=error, failures=failures, on_error=on_error)
        self._announce(Event("stage.removed", name, {"error": error, "failures": failures}))
        self.node.refuse("removed")
        if on_error == "stop":
            self._stop(f"{name} failed {failures} times in a row: {error}")
