"""The sink's worker: one task on the event loop that carries deliveries to one sink."""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from pipeline.latency import Latency
from pipeline.node import SAID, Node, Outcome
from pipeline.outage import Outage
from sinks.sink import Delivery, Sink
from stages.events import Event
from stages.throttle import Throttle

log = structlog.get_logger()

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
    ) -> None:
        """Write nothing yet.

        first     called once, when the first delivery has been written
        announce  told when the sink fails and when it is well again
        """
        self.node = node
        self.sink = sink
        self.latency = Latency()
        self._first: Callable[[], None] | None = first
        self._announce = announce
        self._outage = Outage(node.name)
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

    def _call(self) -> None:
        # From any thread. One call wakes the task for all that arrives until it looks again.
        if not self._called:
            self._called = True
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def _write(self, deliveries: Sequence[Delivery]) -> Outcome:
        try:
            await self.sink.write(deliveries)
        except Exception as error:  # noqa: BLE001 - the sink boundary
            text = f"{type(error).__name__}: {error}"
            self._tell(self._outage.failed(text, len(deliveries), time.monotonic()))
            if (held_back := self._throttle.ready()) is not None:
                log.error("sink failed", sink=self.node.name, error=text, held_back=held_back)
            return Outcome(failed=type(error).__name__)
        now = time.monotonic()
        self._tell(self._outage.wrote(now))
        for delivery in deliveries:
            self.latency.add(now - delivery.frame.arrived)
        if self._first is not None:
            self._first()
            self._first = None
        return SAID

    def _tell(self, news: Event | None) -> None:
        if news is not None:
            self._announce(news)
