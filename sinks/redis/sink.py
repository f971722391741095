"""`sink: redis`: results over channels as they come, and through the spool into Streams.

Channel and Stream of a result are both called `framewire:{stream}:{node}`, those of the events
`framewire:events`: Redis keeps channels and keys apart. See `docs/schema.md` and `docs/redis.md`.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Literal

import structlog

from sinks.delivery import Courier, Numbering, Record, UnderWay, event_id, new_run, result_id
from sinks.embedded_redis import EmbeddedRedis
from sinks.errors import SinkError, SinkLost
from sinks.redis.names import Names
from sinks.redis.options import EMBEDDED, RedisOptions
from sinks.redis.orders import SET, Order, Refused
from sinks.redis.thumbnails import Thumbnails
from sinks.sink import Change, Delivery, Setting, Sink, SinkContext
from sinks.wire import encode, event_message, result_message
from stages.capture.mask import mask
from stages.events import Event

if TYPE_CHECKING:
    from sinks.redis.client import Command, RedisClient
    from sinks.redis.connect import Address

Kept = tuple[bytes, float]  # what a key holds, and for how many seconds

LEAVE_S = 0.5  # that saying goodbye may take

COMMANDS = {
    "snapshot": "control.snapshot",
    "record": "control.record",
    "pause": "control.pause",
}
"""The event that each command about a stream makes."""

log = structlog.get_logger()


class RedisSink(Sink):
    """Publishes each result and each event, one round trip a batch.

    Over channels at most once: while Redis is away they are silent. Into Streams at least once:
    what cannot go now waits in the spool, and goes in order when Redis is back; an entry's `id`
    tells a double. An embedded server that died is started again, on its port.
    """

    Options = RedisOptions
    mode: ClassVar[Literal["each", "frame"]] = "each"

    def __init__(self, options: RedisOptions, context: SinkContext) -> None:
        """Nothing is started or connected yet."""
        self._options = options
        self._context = context
        self._names = Names(options.prefix, options.cluster)
        self._run = new_run()
        self._numbering = Numbering()
        self._server = EmbeddedRedis(options.port) if options.url == EMBEDDED else None
        self._client: RedisClient | None = None
        self._reviving = asyncio.Lock()
        spool = None if self._server is not None else options.spool_of(context)
        self._courier: Courier | None = None
        if options.streams:
            self._courier = Courier(self._add, spool, sink=context.node, announce=context.announce)
        width, crop = options.thumbnail_width, options.thumbnail == "crop"
        self._thumbnails = Thumbnails(width, context, crop=crop) if width else None
        self._under_way = UnderWay()
        self._keys: dict[str, None] = {}
        self._sent = self._sent_bytes = 0  # what Redis took, over channels and into Streams
        self._published = self._missed = 0  # over channels; who finds no Redis is missed
        self._address: Address | None = None
        self._chores: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Start the embedded server, or greet the one at `url`.

        One that is away is no reason not to start: it may be back before the first result.

        raises  BadSink if there is no server to start, it will not let us in, or there is no spool
        """
        loading = asyncio.create_task(asyncio.to_thread(import_module, "sinks.redis.client"))
        try:
            if self._server is not None:
                await self._server.start()
            await loading
            await self._greet()
            if self._courier is not None:
                await self._courier.open()
        except BaseException:
            await asyncio.wait([loading])
            await self.close()
            raise
        self._begin_signs()
        self._begin_listening()

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Send a batch; when this returns it is with Redis, or on disk for the Streams.

        raises  SinkLost if Redis is away and there is no spool that takes it, SinkError if Redis
                refuses something
        """
        now, monotonic = datetime.now(UTC), time.monotonic()
        records: list[Record] = []
        latest: dict[str, Kept] = {}
        for delivery in batch:
            frame = delivery.frame
            for node in delivery.nodes:
                number = self._numbering.next(frame.stream, node)
                message = result_message(
                    frame, node, now, monotonic, run=self._run, number=number
                )  # fmt: skip
                data = encode(message, self._options.format)
                name = result_id(frame.stream, frame.seq, node, self._run)
                records.append(Record(name, self._names.result(frame.stream, node), data))
                if self._options.latest_s:
                    key = self._names.latest(frame.stream, node)
                    latest[key] = (data, self._options.latest_s)
            if self._thumbnails is not None:
                self._thumbnails.note(delivery)
        await self._send(records, latest)

    async def announce(self, event: Event) -> None:
        """Publish an event; who waits no longer for that does not keep it from being published.

        raises  as `write` does, and SinkLost if very many are under way already
        """
        await self._under_way.carry(self._announce(event))

    async def _announce(self, event: Event) -> None:
        number = self._numbering.next("event")
        message = event_message(event, run=self._run, number=number)
        data = encode(message, self._options.format)
        kept: dict[str, Kept] = {}
        if self._thumbnails is not None and (jpeg := await self._thumbnails.jpeg(event)):
            kept[self._names.thumbnail(self._run, number)] = (jpeg, self._options.thumbnail_s)
        await self._send([Record(event_id(number, self._run), self._names.events, data)], kept)

    async def close(self) -> None:
        """Say goodbye, disconnect, and end the embedded server."""
        await self._under_way.close()
        if self._courier is not None:
            await self._courier.close()
        await _ended(self._chores)
        if self._client is not None:
            await self._client.close()
        if self._server is not None:
            await self._server.close()

    def address(self) -> str:
        """The server's URL, without a password in it."""
        return mask(self._options.url) if self._server is None else self._server.url

    def counts(self) -> Mapping[str, float]:
        """What became of results and events: over channels, and into Streams."""
        told: dict[str, float] = {
            "sent_messages_total": self._sent,
            "sent_bytes_total": self._sent_bytes,
            "published_total": self._published,
            "missed_total": self._missed,
        }
        if self._courier is not None:
            tally, spool = self._courier.tally, self._courier.spool
            told |= {
                "direct_total": tally.direct, "spooled_total": tally.spooled,
                "replayed_total": tally.replayed, "refused_total": tally.refused,
                "lost_total": tally.lost,
            }  # fmt: skip
            if spool is not None:
                told |= {"waiting": spool.count, "dropped_total": spool.dropped}
        return told

    async def _greet(self) -> None:
        from sinks.redis.client import RedisClient  # noqa: PLC0415
        from sinks.redis.connect import Address  # noqa: PLC0415

        options = self._options
        url = options.url if self._server is None else self._server.url
        ca = None if options.ca is None else self._context.folder / options.ca
        self._address = Address(url, options.give_up_s, options.cluster, ca)
        self._client = RedisClient(self._address)
        try:
            await self._client.greet()
        except SinkLost as error:
            log.warning("redis is away", error=str(error))

    def _begin_signs(self) -> None:
        options = self._options
        if self._client is None or not (options.heartbeat_s or options.stream_age_s):
            return
        from sinks.redis.presence import Presence  # noqa: PLC0415

        presence = Presence(
            *(self._client, self._names, self._run, options.heartbeat_s, options.stream_age_s)
        )
        keeping = presence.keep(self._context.node, self._context.streams, self.counts,
                                lambda: tuple(self._keys))  # fmt: skip
        self._chores.append(asyncio.create_task(keeping))

    def _begin_listening(self) -> None:
        secret = self._options.control_secret
        if self._address is None or secret is None:
            return
        from sinks.redis.control import Control  # noqa: PLC0415

        control = Control(self._address, self._names, secret, self._obey)
        self._chores.append(asyncio.create_task(control.listen()))

    async def _obey(self, order: Order) -> tuple[Setting, Setting] | None:
        """Do what a command says; of a setting, the values before and after.

        raises  Refused, Unchanged for what cannot be
        """
        if order.command == SET:
            if order.stream:
                raise Refused(f"{SET}: wanted no stream, since a node has one value for all of its "
                              f"streams, got {order.stream}")  # fmt: skip
            return await self._context.change(
                Change(order.node, order.option, order.value, order.id, order.by)
            )
        if order.stream not in self._context.streams:
            known = ", ".join(self._context.streams)
            raise Refused(f"stream {order.stream}: wanted one of {known}")
        if order.command not in COMMANDS:
            raise Refused(f"command {order.command}: wanted one of {', '.join((*COMMANDS, SET))}")
        if order.command == "snapshot" and self._thumbnails is None:
            raise Refused("snapshot: wanted a thumbnail_width in the config")
        # To all sinks: a recorder does what it says, and we publish it, with its picture.
        self._context.announce(Event(COMMANDS[order.command], order.stream, {"command": order.id}))
        return None

    async def _send(self, records: Sequence[Record], kept: Mapping[str, Kept]) -> None:
        """Over channels and into Streams at once: neither waits for the other."""
        if self._courier is None:
            await self._publish(records, kept)
            return
        publishing = asyncio.create_task(self._publish_if_there(records, kept))
        await asyncio.sleep(0)  # the channels go out first
        try:
            await self._courier.send(records)
        finally:
            await publishing

    async def _publish_if_there(self, records: Sequence[Record], kept: Mapping[str, Kept]) -> None:
        # Who carries the Streams looks whether Redis is back; a channel waits for nobody.
        assert self._client is not None
        assert self._courier is not None
        if self._courier.behind and not self._client.there:
            self._missed += len(records)
            return
        try:
            await self._publish(records, kept)
        except SinkError as error:
            log.debug("not published", error=str(error))

    async def _publish(self, records: Sequence[Record], kept: Mapping[str, Kept]) -> None:
        commands: list[Command] = []
        if self._options.channels:
            commands += [("PUBLISH", record.key, record.data) for record in records]
        for key, (data, stays_s) in kept.items():
            commands.append(("SET", key, data, "PX", round(stays_s * 1e3)))
        if not commands:
            return
        try:
            await self._run_all(commands)
        except SinkError:
            self._missed += len(records)
            raise
        if self._options.channels:
            self._published += len(records)
            self._note_sent(records)

    async def _add(self, records: Sequence[Record]) -> None:
        """Into their Streams, all of them or none."""
        bound = self._options.stream_length
        cut: Command = ("MAXLEN", "~", bound) if bound else ()
        commands: list[Command] = [
            ("XADD", record.key, *cut, "*", "id", record.id, "message", record.data)
            for record in records
        ]
        keys = dict.fromkeys(record.key for record in records)
        self._keys |= keys
        commands.append(("SADD", self._names.index, *keys))
        await self._run_all(commands, whole=True)
        self._note_sent(records)

    def _note_sent(self, records: Sequence[Record]) -> None:
        self._sent += len(records)
        self._sent_bytes += sum(len(record.data) for record in records)

    async def _run_all(self, commands: Sequence["Command"], *, whole: bool = False) -> None:
        if self._client is None:
            raise SinkError("redis: wanted to be opened first")
        try:
            await self._client.run(commands, whole=whole)
        except SinkLost:
            await self._revive()
            raise

    async def _revive(self) -> None:
        async with self._reviving:
            if self._server is not None and not self._server.alive:
                log.warning("embedded redis died, starting it again", port=self._server.port)
                await self._server.start()


async def _ended(chores: Sequence["asyncio.Task[None]"]) -> None:
    """End tasks; one that says goodbye to a Redis that does not answer is cut short."""
    for _ in range(2):
        for chore in chores:
            chore.cancel()
        if chores:
            await asyncio.wait(chores, timeout=LEAVE_S)
