"""Results into Redis: over a channel as they come, and the last ones in a bounded Stream.

Channel and Stream of a result are both called `framewire:{stream}:{node}`, those of the events
`framewire:events`: Redis keeps channels and keys apart. See `docs/schema.md`.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar, Literal

import structlog
from pydantic import Field, field_validator

from sinks.embedded_redis import EmbeddedRedis
from sinks.errors import SinkError, SinkLost
from sinks.sink import Delivery, Sink, SinkContext
from sinks.wire import Encoding, encode, event_message, result_message
from stages.capture.mask import mask
from stages.events import Event
from stages.stage import Options

if TYPE_CHECKING:
    from sinks.redis_client import RedisClient

EMBEDDED = "embedded"
SCHEMES = ("redis://", "rediss://", "unix://")

log = structlog.get_logger()


class RedisOptions(Options):
    """The keys of `sink: redis`."""

    url: str = Field(
        EMBEDDED,
        repr=False,
        description="`embedded` for a server of our own on loopback, which ends with us, or a "
        "server's address: `redis://`, `rediss://` (TLS) or `unix://`.",
    )
    port: int = Field(
        0, ge=0, le=65535, description="Port of the embedded server, 0 for any free one."
    )
    prefix: str = Field(
        "framewire",
        pattern=r"^[A-Za-z0-9_.:{}-]{1,64}$",
        description="What the names of all channels and Streams start with.",
    )
    format: Encoding = Field("json", description="How a message is written: `json` or `msgpack`.")
    stream_length: int = Field(
        1000,
        ge=0,
        description="About how many of the last results each Stream keeps; 0 for no Streams.",
    )
    give_up_s: float = Field(
        1.0,
        gt=0,
        le=60,
        description="Seconds after which a batch that Redis did not take counts as failed.",
    )

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if url != EMBEDDED and not url.startswith(SCHEMES):
            raise ValueError(f"wanted {EMBEDDED} or an address with {', '.join(SCHEMES)}")
        return url


class RedisSink(Sink):
    """Publishes each result and each event, one round trip a batch.

    While Redis is away, a batch fails after `give_up_s` and the next one tries to connect again.
    An embedded server that died is started again, on its port.
    """

    Options = RedisOptions
    mode: ClassVar[Literal["each", "frame"]] = "each"

    def __init__(self, options: RedisOptions, context: SinkContext) -> None:  # noqa: ARG002
        """Nothing is started or connected yet."""
        self._options = options
        self._server = EmbeddedRedis(options.port) if options.url == EMBEDDED else None
        self._client: RedisClient | None = None
        self._reviving = asyncio.Lock()
        self._sent = self._sent_bytes = self._revived = 0

    async def open(self) -> None:
        """Start the embedded server, or greet the one at `url`.

        One that is away is no reason not to start: it may be back before the first result.

        raises  BadSink if there is no server to start, or it will not let us in
        """
        loading = asyncio.create_task(asyncio.to_thread(import_module, "sinks.redis_client"))
        try:
            if self._server is not None:
                await self._server.start()
            await self._greet(await loading)
        except BaseException:
            await asyncio.wait([loading])
            await self.close()
            raise

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Publish a batch. Raises SinkLost if Redis is away, SinkError if it refuses something."""
        now, monotonic = datetime.now(UTC), time.monotonic()
        options = self._options
        entries = [
            (
                f"{options.prefix}:{delivery.frame.stream}:{node}",
                encode(result_message(delivery.frame, node, now, monotonic), options.format),
            )
            for delivery in batch
            for node in delivery.nodes
        ]
        await self._send(entries)

    async def announce(self, event: Event) -> None:
        """Publish an event. Raises as `write` does."""
        message = encode(event_message(event), self._options.format)
        await self._send([(f"{self._options.prefix}:events", message)])

    async def close(self) -> None:
        """Disconnect, and end the embedded server."""
        if self._client is not None:
            await self._client.close()
        if self._server is not None:
            await self._server.close()

    def counts(self) -> Mapping[str, float]:
        """What Redis took of us."""
        return {
            "sent_messages_total": self._sent,
            "sent_bytes_total": self._sent_bytes,
            "server_restarts_total": self._revived,
        }

    def address(self) -> str:
        """The server's URL, without a password in it."""
        return mask(self._options.url) if self._server is None else self._server.url

    async def _greet(self, module: ModuleType) -> None:
        url = self._options.url if self._server is None else self._server.url
        client: RedisClient = module.RedisClient(url, self._options.give_up_s)
        self._client = client
        try:
            await client.greet()
        except SinkLost as error:
            log.warning("redis is away", error=str(error))

    async def _send(self, entries: list[tuple[str, bytes]]) -> None:
        if self._client is None:
            raise SinkError("redis: wanted to be opened first")
        try:
            await self._client.send(entries, self._options.stream_length)
        except SinkLost:
            await self._revive()
            raise
        self._sent += len(entries)
        self._sent_bytes += sum(len(message) for _, message in entries)

    async def _revive(self) -> None:
        async with self._reviving:
            if self._server is not None and not self._server.alive:
                log.warning("embedded redis died, starting it again", port=self._server.port)
                await self._server.start()
                self._revived += 1
