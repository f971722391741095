"""A pipeline's life: made from a config, run, drained, closed; nothing is left behind."""

import asyncio
import os
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import Self

import structlog

from pipeline.assembly import Assembly, assemble, rules
from pipeline.bulletin import Bulletin
from pipeline.capture import Capture
from pipeline.config import PipelineConfig
from pipeline.descriptors import Descriptors
from pipeline.drain import drain
from pipeline.event_log import EventLog
from pipeline.isolation import IsolatedStage
from pipeline.overload import PRESSURE
from pipeline.settings import Settings
from pipeline.sink_worker import SinkWorker
from pipeline.traces import Traces, traces_of
from pipeline.usage import Usage
from pipeline.worker import Worker
from sinks.sink import Sink
from stages.capture.backoff import Backoff
from stages.events import Event

log = structlog.get_logger()

TICK = 0.02  # seconds between looks at joins that may be out of patience
LOOK = 1.0  # seconds between looks at overload
CLOSE_LIMIT = 2.0  # seconds a sink may take to close


class Pipeline:
    """A graph and all that runs it.

        async with Pipeline(config) as pipeline:
            await pipeline.run(seconds=20)

    Entering makes and opens everything, and raises what the parts raise; leaving closes it all.

    failure   why it had to stop before its time, or None
    first     monotonic seconds at which the first result had left through a sink, or None
    asked     monotonic seconds at which it was asked to stop, or None
    usage     what it costs, its children included
    """

    def __init__(self, config: PipelineConfig, traces: Traces | None = None) -> None:
        """`traces`: where those of frames go, if not where the config has it."""
        self.config = config
        self.failure: str | None = None
        self.first: float | None = None
        self.asked: float | None = None
        self.usage = Usage()
        self.traces = traces
        self.captures: dict[str, Capture] = {}
        self.workers: dict[str, Worker] = {}
        self.sink_workers: dict[str, SinkWorker] = {}

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self.event_log = await asyncio.to_thread(_event_log, self.config)
        self.bulletin = Bulletin(
            self.config.secrets, self.event_log.hear if self.event_log else None
        )
        try:
            if self.config.traces is not None and self.traces is None:
                self.traces = traces_of(self.config.traces, tuple(self.config.sinks))
            settings = Settings(self.config, self.workers, self.bulletin.announce)
            self.parts: Assembly = await assemble(
                self.config, self.bulletin.announce, settings.change
            )
        except BaseException:
            await self._close_observers()
            raise
        graph = self.parts.graph
        enter = graph.enter if self.traces is None else self.traces.entering(graph.enter)
        if self.traces is not None:
            for node in graph.nodes.values():
                node.tracing = self.traces
        for name, box in self.config.graph.items():
            self.workers[name] = Worker(
                graph.nodes[name], self.parts.stages[name], rules(box),
                self.bulletin.announce, self.fail,
            )  # fmt: skip
        for name, sink in self.parts.sinks.items():
            self.sink_workers[name] = SinkWorker(
                graph.nodes[name], sink, self._note_first, self.bulletin.announce
            )
        for name, source in self.parts.sources.items():
            told = self.config.streams[name].options
            self.captures[name] = Capture(
                name, source, Backoff(told.retry_first_s, told.retry_most_s), graph.gates[name],
                enter, self.bulletin.announce, self._one_ended,
            )  # fmt: skip
        self._running = len(self.captures)
        self._drained = False
        try:
            await self._open_sinks()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    def fail(self, reason: str) -> None:
        """Something makes it pointless to go on. From any thread."""
        self.failure = self.failure or reason
        self._loop.call_soon_threadsafe(self._over.set)

    @property
    def stopping(self) -> bool:
        """Whether its end has come, or was asked for."""
        return self._over.is_set()

    def not_ready(self) -> dict[str, str]:
        """By "stream NAME" or "stage NAME": what is waited for. Empty when all is ready."""
        if self.stopping:
            return {"pipeline": "is stopping"}
        missing = {}
        for name, stage in self.parts.stages.items():
            if isinstance(stage, IsolatedStage) and not stage.ready:
                missing[f"stage {name}"] = "its process is starting"
        for name, capture in self.captures.items():
            if not capture.known:
                missing[f"stream {name}"] = "no frame yet"
        return missing

    def stop(self) -> None:
        """Ask for the end, from the event loop."""
        self.asked = self.asked or time.monotonic()
        self._over.set()

    async def run(self, seconds: float | None = None) -> None:
        """Run until every source has ended, until `stop` or `fail`, or for so many seconds.

        Then drain: what was captured is finished or accounted for, and all workers have left. What
        files still hold in the graph is always finished; else it takes at most five seconds.
        """
        chores = [self._keep_joins(), self._govern(), self._watch()]
        chores.append(self.bulletin.carry(self._sinks()))
        tasks = [self._spawn(chore) for chore in chores]
        writers = [self._spawn(worker.run()) for worker in self.sink_workers.values()]
        started = {"pid": os.getpid(), "streams": len(self.captures), "nodes": len(self.workers)}
        self.bulletin.announce(Event("run.started", "run", started))
        for worker in self.workers.values():
            worker.start()
        for capture in self.captures.values():
            capture.start()
        timer = (
            None if seconds is None else self._loop.call_later(seconds, self._time_is_up, seconds)
        )
        try:
            await self._over.wait()
            if self._running or self.failure:
                self.stop()
            why = self.failure or ("sources ended" if self.asked is None else "asked")
            self.bulletin.announce(Event("run.stopping", "run", {"why": why}))
            await asyncio.to_thread(self.usage.look)  # children end with the drain
            await drain(self, writers)
            self._drained = True
            # However the run ended: a stream that was refused is a failure.
            refused = [f"{c.stream}: {c.failed}" for c in self.captures.values() if c.failed]
            self.failure = self.failure or ("; ".join(refused) or None)
        finally:
            if timer is not None:
                timer.cancel()
            for task in [*tasks, *writers]:
                task.cancel()
            await asyncio.gather(*tasks, *writers, return_exceptions=True)

    def _time_is_up(self, seconds: float) -> None:
        log.info("time is up", seconds=seconds)
        self.stop()

    def _sinks(self) -> list[Sink]:
        return list(self.parts.sinks.values())

    def _spawn(self, chore: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = self._loop.create_task(chore)
        task.add_done_callback(self._look_at_end)
        return task

    def _look_at_end(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task failed", exc_info=error)
            self.fail(f"{type(error).__name__}: {error}")

    def _one_ended(self) -> None:
        self._loop.call_soon_threadsafe(self._count_ended)

    def _count_ended(self) -> None:
        self._running -= 1
        if self._running == 0:
            self._over.set()

    def _note_first(self) -> None:
        self.first = self.first or time.monotonic()

    async def _open_sinks(self) -> None:
        # All are waited for, also when one fails: a sink that is still opening cannot be closed.
        opening = (sink.open() for sink in self.parts.sinks.values())
        for error in await asyncio.gather(*opening, return_exceptions=True):
            if error is not None:
                raise error

    async def _keep_joins(self) -> None:
        while self.parts.graph.patient:
            await asyncio.sleep(TICK)
            self.parts.graph.hurry()

    async def _govern(self) -> None:
        descriptors = Descriptors()
        while True:
            await asyncio.sleep(LOOK)
            await asyncio.to_thread(self.usage.look)
            lost = 0
            for name in self.workers:
                for balance in self.parts.graph.nodes[name].balances().values():
                    lost += sum(n for reason, n in balance.dropped.items() if reason in PRESSURE)
            for event in [*self.parts.governor.look(lost), *descriptors.look()]:
                log.warning(event.name, about=event.about, **event.detail)
                self.bulletin.announce(event)

    async def _watch(self) -> None:
        """Look for stages that hang, four times within the shortest time that is told for that."""
        limits = [rules(box).hang for box in self.config.graph.values()]
        least = min((limit for limit in limits if limit is not None), default=None)
        while least is not None:
            await asyncio.sleep(min(least / 4, LOOK))
            for worker in self.workers.values():
                worker.look(time.monotonic())

    async def _close(self) -> None:
        for capture in self.captures.values():
            capture.stop()
        for worker in self.workers.values():
            worker.node.end()
            # A worker that did not come back from the drain will not come back now.
            patience = 0.0 if self._drained else CLOSE_LIMIT
            await asyncio.to_thread(worker.join, time.monotonic() + patience)
        for name, sink in self.parts.sinks.items():
            try:
                await asyncio.wait_for(sink.close(), CLOSE_LIMIT)
            except Exception as error:  # noqa: BLE001 - the sink boundary
                log.error("sink did not close", sink=name, error=f"{type(error).__name__}: {error}")
                self.failure = self.failure or f"{name} did not close: {error}"
        await self._close_observers()

    async def _close_observers(self) -> None:
        for observer in (self.event_log, self.traces):
            if observer is not None:
                await asyncio.to_thread(observer.close, CLOSE_LIMIT)


def _event_log(config: PipelineConfig) -> EventLog | None:
    told = config.events
    if told is None:
        return None
    path = config.folder / told.path
    return EventLog(path, round(told.max_mb * 1e6), told.keep)
