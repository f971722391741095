"""Carries records to a peer in order, by way of the spool while the peer is away."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from sinks.delivery.record import Record
from sinks.delivery.spool import SYNC_S, Spool, SpoolFull
from sinks.errors import SinkError, SinkLost
from stages.capture.backoff import Backoff
from stages.events import Event
from stages.stage import unheard
from stages.throttle import Throttle

FIRST_S, MOST_S = 0.05, 1.0  # waits between two tries: who is back is found within a second
LINGER_S = 1.0

log = structlog.get_logger()


@dataclass(slots=True)
class Tally:
    """What became of the records, counted.

    direct    went straight to the peer
    spooled   were put on disk
    replayed  went from there to the peer
    refused   the peer did not want them, when they came from the disk
    lost      neither peer nor disk took them: the sender was told
    waits     times a sender had to wait for room on disk
    """

    direct: int = 0
    spooled: int = 0
    replayed: int = 0
    refused: int = 0
    lost: int = 0
    waits: int = 0


class Courier:
    """Takes records for a peer that may go away.

    Straight to the peer while it is there and nothing waits on disk. Else they go behind what
    waits, and a task carries all of it, in order, with growing waits between its tries. A record
    may reach the peer twice, when the news that it did was lost; never out of order.

    deliver  brings records to the peer in their order, all of them, within a time of its own.
             Raises SinkLost if the peer is away (they are tried again, all of them), another
             SinkError if it refuses them (they are not)
    spool    where they wait; None for a peer that is not waited for
    tally    what became of them
    """

    def __init__(
        self,
        deliver: Callable[[Sequence[Record]], Awaitable[None]],
        spool: Spool | None = None,
        backoff: Backoff | None = None,
        *,
        most: int = 500,
        sink: str = "",
        announce: Callable[[Event], None] = unheard,
    ) -> None:
        """Open nothing yet.

        most      records that are carried from the disk at once
        announce  hears of `delivery.waiting` and `delivery.resumed`, which are about `sink`
        """
        self.tally = Tally()
        self.spool = spool
        self._deliver = deliver
        self._backoff = backoff or Backoff(FIRST_S, MOST_S)
        self._most = most
        self._sink = sink
        self._announce = announce
        self._waiting_since: float | None = None  # monotonic seconds, where that was announced
        self._throttle = Throttle()
        self._turn = asyncio.Lock()  # one sender at a time, in the order in which they came
        self._behind = self._away = False
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._closing = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._carrier: asyncio.Task[None] | None = None
        self._syncing: asyncio.Task[None] | None = None

    @property
    def behind(self) -> bool:
        """Whether records wait on disk, or the peer was away when it was last tried."""
        return self._behind

    async def open(self) -> None:
        """Open the spool, and begin to carry what an earlier run left. Raises BadSink."""
        if self.spool is None:
            return
        await asyncio.to_thread(self.spool.open)
        if self.spool.count:
            log.info("spool has records", spool=str(self.spool.path), records=self.spool.count)
            self._fall_behind()
        self._carrier = asyncio.create_task(self._carry())
        self._syncing = asyncio.create_task(self._sync_each_second())

    async def send(self, records: Sequence[Record]) -> None:
        """Carry records; when this returns, they are with the peer or on disk.

        raises  SinkLost if neither takes them, SinkError if the peer refuses them
        """
        if not records:
            return
        async with self._turn:
            if not self._behind:
                try:
                    await self._deliver(records)
                except SinkLost as error:
                    if self.spool is None:
                        self.tally.lost += len(records)
                        raise
                    self._fall_behind()
                    log.warning("peer is away, records wait on disk", error=str(error))
                    self._waiting_since = time.monotonic()
                    self._announce(Event("delivery.waiting", self._sink, {"error": str(error)}))
                else:
                    self.tally.direct += len(records)
                    return
            await self._keep(records)

    async def close(self, linger_s: float = LINGER_S) -> None:
        """Stop carrying, at once or `linger_s` later where the peer takes what waits.

        What still waits then stays on disk for the next run.
        """
        if self._carrier is not None and not self._carrier.done() and not self._away:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), linger_s)
        self._closing.set()
        self._room.set()
        for task in (self._carrier, self._syncing):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if self.spool is not None:
            if self.spool.count:
                log.warning("records stay on disk", spool=str(self.spool.path),
                            records=self.spool.count)  # fmt: skip
            await asyncio.to_thread(self.spool.close)

    def _fall_behind(self) -> None:
        self._behind = True
        self._idle.clear()
        self._work.set()

    async def _keep(self, records: Sequence[Record]) -> None:
        """Put records on disk, and wait for room where the spool's policy says so."""
        assert self.spool is not None
        if self._carrier is None or self._carrier.done():
            self.tally.lost += len(records)
            failed = None if self._carrier is None else self._carrier.exception()
            raise SinkLost(f"spool {self.spool.path}: nobody carries what is in it: {failed!r}")
        before = self.spool.dropped
        while True:
            self._room.clear()
            try:
                await asyncio.to_thread(self.spool.append, records)
            except SpoolFull as full:
                self.tally.waits += 1
                if self._closing.is_set():
                    self.tally.lost += len(records)
                    raise SinkLost(str(full)) from full
                await self._room.wait()
            except SinkLost:
                self.tally.lost += len(records)
                raise
            else:
                break
        self.tally.spooled += len(records)
        if (gone := self.spool.dropped - before) and (held := self._throttle.ready()) is not None:
            log.error("spool is full, the oldest records are dropped", records=gone,
                      all=self.spool.dropped, held_back=held)  # fmt: skip

    async def _carry(self) -> None:
        while True:
            await self._work.wait()
            began, before = time.monotonic(), self.tally.replayed
            while not await self._caught_up():
                if self._closing.is_set():  # a library below may have swallowed that it ends
                    return
                try:
                    await self._carry_some()
                except SinkLost as error:
                    self._away = True
                    await self._rest(error)
                except Exception as error:  # no worker stands above this task
                    self._away = True
                    if (held := self._throttle.ready("mistake")) is not None:
                        log.exception("records are tried again after a mistake", held_back=held)
                    await self._rest(error)
            replayed = self.tally.replayed - before
            log.info("spool is empty again", replayed=replayed,
                     seconds=round(time.monotonic() - began, 3))  # fmt: skip
            if (since := self._waiting_since) is not None:
                self._waiting_since = None
                detail = {"away_s": round(time.monotonic() - since, 3), "replayed": replayed}
                self._announce(Event("delivery.resumed", self._sink, detail))

    async def _carry_some(self) -> None:
        assert self.spool is not None
        try:
            records = await asyncio.to_thread(self.spool.peek, self._most)
        except SinkLost as error:
            self._tell_of_spool(error)
            raise
        try:
            await self._deliver(records)
        except SinkLost:
            raise
        except SinkError as error:
            self.tally.refused += len(records)
            log.error("records refused and given up", records=len(records), error=str(error))
        else:
            self.tally.replayed += len(records)
        self._away = False
        self._backoff.reset()
        try:
            await asyncio.to_thread(self.spool.done, len(records))
        except SinkLost as error:  # they are not given again, so that the next ones can go
            self._tell_of_spool(error)
        self._room.set()

    def _tell_of_spool(self, error: SinkLost) -> None:
        if (held := self._throttle.ready("spool")) is not None:
            log.error("spool fails", error=str(error), held_back=held)

    async def _caught_up(self) -> bool:
        """Whether nothing waits; then senders go straight to the peer again."""
        if self._waiting():
            return False
        async with self._turn:
            if self._waiting():
                return False
            self._behind = False
            self._work.clear()
            self._idle.set()
            return True

    def _waiting(self) -> int:
        return 0 if self.spool is None else self.spool.count

    async def _sync_each_second(self) -> None:
        """Keep the promise of `fsync: second`, also while a peer takes its time or hangs."""
        assert self.spool is not None
        while True:
            await asyncio.sleep(SYNC_S)
            try:
                await asyncio.to_thread(self.spool.sync)
            except SinkLost as error:
                self._tell_of_spool(error)

    async def _rest(self, error: Exception) -> None:
        """Wait before the next try."""
        if (held := self._throttle.ready("away")) is not None:
            log.debug("peer is still away", error=str(error), held_back=held)
        await asyncio.sleep(self._backoff.next())
