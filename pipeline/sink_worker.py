"""The sink's worker: one task on the event loop that carries deliveries to one sink."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from math import isfinite

import structlog

from pipeline.batch import SAID, Outcome
from pipeline.latency import Latency
from pipeline.node import Node
from sinks.sink import Delivery, Sink
from stages.events import Event
from stages.throttle import Throttle

log = structlog.get_logger()

STEADY = 1.0  # seconds without a failure after which a sink that was lost is back
MOST = 64  # deliveries at once: what one round trip to Redis carries well


class SinkWorker:
    """Takes what has arrived at a sink's node and writes it; a slow sink holds up nobody else.

    latency  from a frame's arrival to the end of the write, for what was written
    """

    def __init__(
        self,
        node: Node,
        sink: Sink,
        first: Callable[[], None],
        announce: Callable[[Event], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`first` is called once, when the first delivery has been written.

        announce  is told when the sink can write no more, and when it can again
        clock     in seconds, for how long that took
        """
        self.node = node
        self.sink = sink
        self.latency = Latency()
        self._first: Callable[[], None] | None = first
        self._announce = announce
        self._clock = clock
        self._lost_at: float | None = None
        self._failed_at = 0.0
        self._failed = 0  # deliveries since it was lost
        self._throttle = Throttle()
        self._arrived = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._called = False
        node.on_arrival = self._call

    async def run(self) -> None:
        """Write until the node has ended and nothing is left."""
        while True:
            batch, _ = self.node.take(MOST)
            if batch is not None:
                outcome = await self._write(batch.deliveries)
                self.node.finish(batch, [outcome] * len(batch.deliveries))
                del batch
            elif self.node.ended:
                return
            else:
                await self._arrived.wait()
                self._arrived.clear()
                self._called = False

    def counts(self) -> Mapping[str, float]:
        """What the sink counts; nothing if it cannot say so."""
        try:
            told = self.sink.counts()
            return {name: float(count) for name, count in told.items() if isfinite(count)}
        except Exception as error:  # noqa: BLE001 - the sink boundary
            if (held_back := self._throttle.ready("counts")) is not None:
                text = f"{type(error).__name__}: {error}"
                log.error(
                    "sink does not count", sink=self.node.name, error=text, held_back=held_back
                )
            return {}

    def _call(self) -> None:
        # From any thread. One call wakes the task for all that arrives until it looks again.
        if not self._called:
            self._called = True
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def _write(self, deliveries: Sequence[Delivery]) -> Outcome:
        try:
            await self.sink.write(deliveries)
        except Exception as error:  # noqa: BLE001 - the sink boundary
            if (held_back := self._throttle.ready()) is not None:
                log.error(
                    "sink failed",
                    sink=self.node.name,
                    error=f"{type(error).__name__}: {error}",
                    held_back=held_back,
                )
            self._note_loss(f"{type(error).__name__}: {error}", len(deliveries))
            return Outcome(failed=type(error).__name__)
        now = time.monotonic()
        self._note_success(self._clock())
        for delivery in deliveries:
            self.latency.add(now - delivery.frame.arrived)
        if self._first is not None:
            self._first()
            self._first = None
        return SAID

    def _note_loss(self, error: str, deliveries: int) -> None:
        self._failed_at = self._clock()
        self._failed += deliveries
        if self._lost_at is None:
            self._lost_at = self._failed_at
            self._announce(Event("sink.lost", self.node.name, {"error": error}))

    def _note_success(self, now: float) -> None:
        # One that takes every other batch is not back: it would announce itself at each.
        if self._lost_at is None or now - self._failed_at < STEADY:
            return
        detail = {"away_s": round(now - self._lost_at, 3), "failed": self._failed}
        self._announce(Event("sink.back", self.node.name, detail))
        self._lost_at, self._failed = None, 0
