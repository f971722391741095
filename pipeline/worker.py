"""The worker: the threads that run one stage, and what an error costs.

Every node has threads of its own, as many as its batches may run side by side, so that a caption
that takes two seconds never stands before a detection that takes two milliseconds. Decoding,
resizing and ONNX Runtime let go of Python's lock, so the threads share the cores.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import structlog

from models.results import Result
from pipeline.isolation import WorkerLost
from pipeline.node import SAID, SILENT, Batch, Node, Outcome
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
    """

    batch: int = 1
    wait: float = 0.0
    parallel: int = 1
    on_error: Literal["skip", "stop"] = "skip"
    patience: int = 10
    nice: int = 0


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


class Worker:
    """Runs one stage for one node.

    stop  called when `on_error: stop` asks for the end of the pipeline, with the reason
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
        self._failures = 0
        self._closed = False
        self._lock = threading.Lock()
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
        if not self._closed:
            self._closed = True
            self._close_stage()
        return True

    def _close_stage(self) -> None:
        try:
            self._stage.close()
        except Exception as error:  # noqa: BLE001 - the stage boundary: the others are to be closed
            text = f"{type(error).__name__}: {error}"
            log.error("stage did not close", node=self.node.name, error=text)

    def _work(self) -> None:
        step_back(self._rules.nice)
        while (batch := self.node.wait(self._rules.batch, self._rules.wait)) is not None:
            began = time.monotonic()
            outcomes = self._run(batch)
            self.effort.add(len(outcomes), time.monotonic() - began)
            self.node.finish(batch, outcomes)
            del batch  # a waiting worker must not keep a picture alive

    def _run(self, batch: Batch) -> Sequence[Outcome]:
        frames = batch.frames
        try:
            return self._keep(frames, self._stage.run(frames))
        except WorkerLost as lost:
            return self._blame(frames, lost)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the stage boundary: a stage may raise anything
            if len(frames) > 1 and self._stage.stateless:
                return [self._run_alone(frame) for frame in frames]
            return self._blame(frames, error)

    def _run_alone(self, frame: Frame) -> Outcome:
        """Find the frame of a failed batch that is to blame, and spare the others."""
        try:
            return self._keep([frame], self._stage.run([frame]))[0]
        except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
            return self._blame([frame], error)[0]

    def _keep(self, frames: Sequence[Frame], results: Sequence[Result | None]) -> list[Outcome]:
        if len(results) != len(frames):
            raise ValueError(
                f"{self.node.name}: wanted one result for each of {len(frames)} frames, "
                f"got {len(results)}"
            )
        for frame, result in zip(frames, results, strict=True):
            if result is not None:
                frame.say(self.node.name, result)
        self._failures = 0
        return [SILENT if result is None else SAID for result in results]

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
