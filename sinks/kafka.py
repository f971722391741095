"""`sink: kafka`: each result and event into a topic, in order for each stream.

See `docs/ways-out.md`. aiokafka is the extra `kafka`, and is imported in a thread.
"""

import asyncio
import logging
import ssl
from collections.abc import Coroutine, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

import structlog
from pydantic import Field, model_validator

from sinks.delivery import Record
from sinks.errors import BadSink, SinkLost
from sinks.messages import MessageOptions, MessageSink
from sinks.sink import SinkContext

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

TOPIC = r"^[A-Za-z0-9._-]{1,249}$"  # as Kafka allows them
SAID = 200  # characters of what brokers say that are told: it goes into the log
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

logging.getLogger("aiokafka.conn").setLevel(logging.INFO)  # below, it logs passwords (PLAIN)
log = structlog.get_logger()


class KafkaOptions(MessageOptions):
    """The keys of `sink: kafka`."""

    servers: str = Field(
        pattern=r"^[^\s,/@]+:\d+(,[^\s,/@]+:\d+)*$",
        description="Brokers to begin with: `HOST:PORT`, or several, parted by commas.",
    )
    topic: str = Field("framewire.results", pattern=TOPIC, description="The topic of results.")
    events_topic: str = Field("framewire.events", pattern=TOPIC, description="The topic of events.")
    give_up_s: float = Field(
        10.0, gt=0, le=120, description="Seconds that the brokers have to take a batch."
    )
    tls: bool = Field(False, description="Speak TLS with the brokers.")
    ca: Path | None = Field(
        None,
        description="With TLS, a file of certificates that the brokers' must be signed by, "
        "instead of the system's.",
    )
    user: str | None = Field(None, description="The name by which it logs in (SASL).")
    password: str | None = Field(
        None,
        repr=False,
        description="The password; keep it in the environment and write `${NAME}` here.",
    )
    mechanism: Mechanism = Field("SCRAM-SHA-512", description="How it logs in.")

    @model_validator(mode="after")
    def _fits(self) -> "KafkaOptions":
        if (self.user is None) != (self.password is None):
            raise ValueError("user: wanted a user and a password, or neither")
        return self


class _Access(TypedDict):
    """How a connection is made, as aiokafka names it."""

    client_id: str
    security_protocol: str
    ssl_context: ssl.SSLContext | None
    sasl_mechanism: str
    sasl_plain_username: str | None
    sasl_plain_password: str | None


class _Shut(SinkLost):
    """The brokers are there and do not let us in; a password that was changed may be put right."""


class KafkaSink(MessageSink):
    """Sends messages to all in-sync replicas (`acks=all`), by an idempotent producer.

    A message's key is its stream, so that those of a stream are in one partition, in order; its
    header `id` tells a double.
    """

    Options = KafkaOptions

    def __init__(self, options: KafkaOptions, context: SinkContext) -> None:
        """Nothing is connected yet."""
        super().__init__(options, context)
        self._options = options
        self._tls: ssl.SSLContext | None = None
        self._producer: AIOKafkaProducer | None = None

    def place(self, stream: str, node: str) -> str:  # noqa: ARG002
        """The topic of results."""
        return self._options.topic

    def place_of_events(self) -> str:
        """The topic of events."""
        return self._options.events_topic

    def address(self) -> str:
        """The brokers."""
        return self._options.servers

    async def start(self) -> None:
        """Connect. Raises BadSink if it cannot log in."""
        if find_spec("aiokafka") is None:
            raise BadSink("kafka: wanted the package aiokafka, got none (pip install aiokafka)")
        await asyncio.to_thread(import_module, "aiokafka")
        if self._options.tls:
            self._tls = self._trusted()
        try:
            await self._connect()
        except _Shut as error:
            raise BadSink(str(error)) from None
        except SinkLost as error:
            log.warning("kafka is away", error=str(error))

    async def bring(self, records: Sequence[Record]) -> None:
        """Send them, and wait until the brokers have all."""
        sent: list[tuple[Record, asyncio.Future[object]]] = []
        lost: BaseException | None = None
        try:
            async with asyncio.timeout(self._options.give_up_s):
                producer = await self._connect()
                await self._send(producer, records, sent)
                if sent:
                    await asyncio.wait([answer for _, answer in sent])
        except SinkLost:
            raise
        except Exception as error:  # noqa: BLE001 - aiokafka divides by how many partitions it is told
            lost = error
            await self._hang_up()
        for record, answer in sent:
            lost = (self._heard(record, answer) if answer.done() else TimeoutError()) or lost
        if lost is not None:
            await self._hang_up()
            raise self._lost(lost) from None

    async def stop(self) -> None:
        """Disconnect."""
        await self._hang_up()

    async def _send(
        self,
        producer: "AIOKafkaProducer",
        records: Sequence[Record],
        sent: list[tuple[Record, asyncio.Future[object]]],
    ) -> None:
        from aiokafka.errors import MessageSizeTooLargeError  # noqa: PLC0415

        for record in records:
            stream = record.id.partition(":")[0].encode()
            head = [("id", record.id.encode())]
            try:
                answer = await producer.send(record.key, record.data, key=stream, headers=head)
            except MessageSizeTooLargeError as error:
                self.refuse([record], str(error))
            else:
                sent.append((record, answer))

    def _heard(self, record: Record, answer: asyncio.Future[object]) -> BaseException | None:
        """What the brokers said of one record; the error if it is to be tried again."""
        from aiokafka import errors  # noqa: PLC0415

        never = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError,
                 errors.InvalidMessageError)  # fmt: skip
        error = None if answer.cancelled() else answer.exception()
        if isinstance(error, never):
            self.refuse([record], str(error))
        elif error is None and not answer.cancelled():
            self.settle([record])
            return None
        else:
            return error or TimeoutError()
        return None

    async def _connect(self) -> "AIOKafkaProducer":
        """The producer; what an earlier one had on its way was given up with it."""
        from aiokafka import AIOKafkaProducer  # noqa: PLC0415

        if self._producer is not None:
            return self._producer
        give_up_s, access = self._options.give_up_s, self._access()
        producer = AIOKafkaProducer(
            bootstrap_servers=self._options.servers,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=round(give_up_s * 1e3),
            **access,
        )
        try:
            async with asyncio.timeout(give_up_s):
                await self._knock(access)
                await producer.start()
        except BaseException as error:  # aiokafka asserts, say, that what a broker says fits
            await producer.stop()
            if isinstance(error, SinkLost) or not isinstance(error, Exception):
                raise
            raise self._lost(error) from None
        self._producer = producer
        return producer

    async def _knock(self, access: _Access) -> None:
        """Log in at the first broker that is there: a producer would not say why it could not."""
        from aiokafka import errors  # noqa: PLC0415
        from aiokafka.conn import create_conn  # noqa: PLC0415

        shut = (errors.SaslAuthenticationFailed, errors.UnsupportedSaslMechanismError)
        servers = self._options.servers.split(",")
        each_ms = round(self._options.give_up_s * 1e3 / len(servers))
        away: Exception | None = None
        for server in servers:
            host, _, port = server.rpartition(":")
            try:
                connection = await create_conn(
                    host.strip("[]"), int(port), request_timeout_ms=each_ms, **access
                )
            except shut as error:
                raise _Shut(
                    f"kafka {server}: wanted to be let in, got: {str(error)[:SAID]}"
                ) from None
            except (errors.KafkaError, OSError, TimeoutError) as error:
                away = error
            else:
                connection.close()
                return
        assert away is not None
        raise away

    def _access(self) -> _Access:
        options = self._options
        secure = "SSL" if options.tls else "PLAINTEXT"
        return {
            "client_id": "framewire",
            "security_protocol": f"SASL_{secure}" if options.user else secure,
            "ssl_context": self._tls,
            "sasl_mechanism": options.mechanism if options.user else "PLAIN",
            "sasl_plain_username": options.user,
            "sasl_plain_password": options.password,
        }

    async def _hang_up(self) -> None:
        """Leave the producer: what it still held is tried again by the next one.

        One that cannot send what it holds never ends by itself: it would go on beside the next.
        """
        producer, self._producer = self._producer, None
        if producer is None:
            return
        give_up_s = self._options.give_up_s
        if not await _ends(producer.stop(), 2 * give_up_s):
            await _ends(producer._sender.close(), give_up_s)
            await _ends(producer.client.close(), give_up_s)

    def _trusted(self) -> ssl.SSLContext:
        ca = None if self._options.ca is None else self._context.folder / self._options.ca
        try:
            return ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise BadSink(f"ca {ca}: wanted a file of certificates, got: {error}") from error

    def _lost(self, error: BaseException) -> SinkLost:
        said = str(error)[:SAID] or f"no answer in {self._options.give_up_s:g} s"
        return SinkLost(f"kafka {self._options.servers} is away: {said}")


async def _ends(work: Coroutine[object, object, object], within_s: float) -> bool:
    """Whether it ends in time; if not, it is ended."""
    task = asyncio.create_task(work)
    _, late = await asyncio.wait([task], timeout=within_s)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return not late
