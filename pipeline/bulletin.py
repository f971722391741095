"""What happens to a pipeline, told to whoever listens: the log, the sinks, the report."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from pipeline.config.secrets import Secrets
from sinks.sink import Sink
from stages.events import Event
from stages.throttle import Throttle

log = structlog.get_logger()

WAITING = 1024  # events that may wait for slow sinks; a flapping camera makes about one a second
PATIENCE = 2.0  # seconds a sink may take for one event


class Bulletin:
    """Events, from any thread, in the order in which they were announced.

    counts   how often each happened, by name
    recent   the last hundred
    missed   events that no sink was told of, because too many were waiting
    """

    def __init__(self, secrets: Secrets, hear: Callable[[Event], None] | None = None) -> None:
        """`hear` is told of each event at once, on the event loop; it must not block.

        secrets  what no event may show: they go to Redis, to brokers, to other people's servers
        """
        self._secrets = secrets
        self._hear = hear
        self.counts: Counter[str] = Counter()
        self.recent: deque[Event] = deque(maxlen=100)
        self.missed = 0
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[Event] = asyncio.Queue(WAITING)
        self._throttle = Throttle()

    def announce(self, event: Event) -> None:
        """Tell everybody. From any thread; never blocks."""
        try:
            self._loop.call_soon_threadsafe(self._note, event)
        except RuntimeError:  # the loop has closed: only a capture thread that was given up is left
            log.debug("event after the end", event_name=event.name, about=event.about)

    def _note(self, told: Event) -> None:
        event = self._masked(told)
        self.counts[event.name] += 1
        self.recent.append(event)
        if self._hear is not None:
            self._hear(event)
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            self.missed += 1

    def _masked(self, event: Event) -> Event:
        mask = self._secrets.mask
        detail = {k: mask(v) if isinstance(v, str) else v for k, v in event.detail.items()}
        return replace(event, detail=detail)

    async def carry(self, sinks: Sequence[Sink]) -> None:
        """Carry events to all sinks, until cancelled."""
        while True:
            event = await self._waiting.get()
            await asyncio.gather(*(self._tell(sink, event) for sink in sinks))
            self._waiting.task_done()

    async def flush(self, limit: float) -> None:
        """Wait until all events have been carried, at most `limit` seconds."""
        await asyncio.sleep(0)  # lets those in that were announced just before
        try:
            await asyncio.wait_for(self._waiting.join(), limit)
        except TimeoutError:
            self.missed += self._waiting.qsize()

    async def _tell(self, sink: Sink, event: Event) -> None:
        try:
            await asyncio.wait_for(sink.announce(event), PATIENCE)
        except Exception as error:  # noqa: BLE001 - the sink boundary
            if (held_back := self._throttle.ready()) is not None:
                log.error("event not passed on", event_name=event.name, held_back=held_back,
                          error=f"{type(error).__name__}: {error}")  # fmt: skip
