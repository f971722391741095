"""What sinks have in common that promise each message to a peer: numbers, ids, the spool."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Literal

import structlog
from pydantic import Field

from sinks.delivery import (
    Courier,
    Numbering,
    Record,
    SpoolOptions,
    UnderWay,
    event_id,
    new_run,
    result_id,
)
from sinks.errors import SinkError, SinkLost
from sinks.sink import Delivery, Sink, SinkContext
from sinks.wire import encode, event_message, result_message
from stages.events import Event
from stages.throttle import Throttle

log = structlog.get_logger()


class MessageOptions(SpoolOptions):
    """The keys of every sink of messages."""

    events: bool = Field(True, description="Send what happens to the pipeline too.")


class MessageSink(Sink, ABC):
    """Sends a JSON message for each result and each event, at least once and in order.

    A subclass says where they go, and brings them there. What cannot go now waits in the spool;
    what the peer does not want is counted, told as the event `delivery.refused`, and fails.

    refused  messages that the peer did not want
    """

    mode: ClassVar[Literal["each", "frame"]] = "each"

    def __init__(self, options: MessageOptions, context: SinkContext) -> None:
        """Nothing is opened yet."""
        self.refused = self._sent = self._sent_bytes = 0
        self._context = context
        self._events = options.events
        self._run = new_run()
        self._numbering = Numbering()
        self._courier = Courier(
            self._deliver, options.spool_of(context), sink=context.node, announce=context.announce
        )
        self._brought: set[str] = set()
        self._unwanted: dict[str, str] = {}
        self._under_way = UnderWay()
        self._throttle = Throttle()

    @abstractmethod
    def place(self, stream: str, node: str) -> str:
        """Where what `node` says about `stream` goes: a topic, or "" if there is one place."""

    @abstractmethod
    def place_of_events(self) -> str:
        """Where events go."""

    @abstractmethod
    async def start(self) -> None:
        """Get ready. Raises BadSink. A peer that is away is no reason not to start."""

    @abstractmethod
    async def bring(self, records: Sequence[Record]) -> None:
        """Bring records to the peer, in order, within a time of its own.

        Each that was taken is told to `settle`, each that is not wanted to `refuse`.

        raises  SinkLost if the peer is away: those that were not told of are tried again
        """

    @abstractmethod
    async def stop(self) -> None:
        """Let go of the peer."""

    def settle(self, records: Sequence[Record]) -> None:
        """These are with the peer: should others of their batch be tried again, they are not."""
        self._brought.update(record.id for record in records)
        self._sent += len(records)
        self._sent_bytes += sum(len(record.data) for record in records)

    def refuse(self, records: Sequence[Record], why: str) -> None:
        """The peer does not want these; they are given up."""
        self._brought.update(record.id for record in records)
        self.refused += len(records)
        self._unwanted |= dict.fromkeys((record.id for record in records), why)
        if (held := self._throttle.ready()) is None:
            return
        log.error("messages refused and given up", sink=self._context.node, messages=len(records),
                  error=why, held_back=held)  # fmt: skip
        if any(not record.id.startswith("event:") for record in records):  # else it tells itself
            self._context.announce(
                Event("delivery.refused", self._context.node,
                      {"messages": self.refused, "error": why})
            )  # fmt: skip

    async def open(self) -> None:
        """Get ready, and carry what an earlier run left. Raises BadSink."""
        try:
            await self.start()
            await self._courier.open()
        except BaseException:
            await self.close()
            raise

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Send a batch; when this returns, it is with the peer or on disk.

        raises  SinkLost if neither takes it, SinkError if the peer does not want some of it
        """
        now, monotonic = datetime.now(UTC), time.monotonic()
        records: list[Record] = []
        for delivery in batch:
            frame = delivery.frame
            for node in delivery.nodes:
                number = self._numbering.next(frame.stream, node)
                message = result_message(
                    frame, node, now, monotonic, run=self._run, number=number
                )  # fmt: skip
                name = result_id(frame.stream, frame.seq, node, self._run)
                records.append(Record(name, self.place(frame.stream, node), encode(message)))
        await self._courier.send(records)
        why = [self._unwanted[record.id] for record in records if record.id in self._unwanted]
        if why:
            raise SinkError(f"{self.address()}: {len(why)} of {len(records)} messages refused, "
                            f"the first with: {why[0]}")  # fmt: skip

    async def announce(self, event: Event) -> None:
        """Send an event; who waits no longer for that does not keep it from being sent.

        raises  SinkLost if neither peer nor disk takes it, or very many are under way already
        """
        if self._events:
            await self._under_way.carry(self._announce(event))

    async def close(self) -> None:
        """Let go; what waits on disk stays there for the next run."""
        await self._under_way.close()
        await self._courier.close()
        await self.stop()

    def counts(self) -> Mapping[str, float]:
        """What became of results and events."""
        tally, spool = self._courier.tally, self._courier.spool
        told: dict[str, float] = {
            "sent_messages_total": self._sent, "sent_bytes_total": self._sent_bytes,
            "direct_total": tally.direct, "spooled_total": tally.spooled,
            "replayed_total": tally.replayed, "refused_total": self.refused,
            "lost_total": tally.lost,
        }  # fmt: skip
        if spool is not None:
            told |= {"waiting": spool.count, "dropped_total": spool.dropped}
        return told

    async def _announce(self, event: Event) -> None:
        number = self._numbering.next("event")
        message = event_message(event, run=self._run, number=number)
        record = Record(event_id(number, self._run), self.place_of_events(), encode(message))
        await self._courier.send([record])

    async def _deliver(self, records: Sequence[Record]) -> None:
        """Bring what an earlier try of the same records has not brought."""
        self._unwanted.clear()
        left = [record for record in records if record.id not in self._brought]
        try:
            await self.bring(left)
        except SinkLost:
            raise
        except BaseException:
            self._brought.clear()
            raise
        self._brought.clear()
