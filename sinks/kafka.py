"""`sink: kafka`: each result and event into a topic, in order for each stream.

See `docs/ways-out.md`. aiokafka is the extra `kafka`, and is imported in a thread.
"""

import asyncio
import ssl
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import structlog
from pydantic import Field, model_validator

from sinks.delivery import Record
from sinks.errors import BadSink, SinkLost
from sinks.messages import MessageOptions, MessageSink
from sinks.sink import SinkContext

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

TOPIC = r"^[A-Za-z0-9._-]{1,249}$"  # as Kafka allows them
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

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
        except SinkLost as error:
            log.warning("kafka is away", error=str(error))

    async def bring(self, records: Sequence[Record]) -> None:
        """Send them, and wait until the brokers have all."""
        from aiokafka.errors import KafkaError  # noqa: PLC0415

        sent: list[tuple[Record, asyncio.Future[object]]] = []
        lost: BaseException | None = None
        try:
            async with asyncio.timeout(self._options.give_up_s):
                producer = await self._connect()
                await self._send(producer, records, sent)
                if sent:
                    await asyncio.wait([answer for _, answer in sent])
        except (KafkaError, OSError, TimeoutError) as error:
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
        from aiokafka.errors import AuthenticationFailedError, KafkaError  # noqa: PLC0415

        if self._producer is not None:
            return self._producer
        options = self._options
        secure = "SSL" if options.tls else "PLAINTEXT"
        producer = AIOKafkaProducer(
            bootstrap_servers=options.servers,
            client_id="framewire",
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=round(options.give_up_s * 1e3),
            security_protocol=f"SASL_{secure}" if options.user else secure,
            ssl_context=self._tls,
            sasl_mechanism=options.mechanism if options.user else "PLAIN",
            sasl_plain_username=options.user,
            sasl_plain_password=options.password,
        )
        try:
            async with asyncio.timeout(options.give_up_s):
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await producer.stop()
            if isinstance(error, AuthenticationFailedError):
                raise BadSink(
                    f"kafka {options.servers}: wanted to be let in, got: {error}"
                ) from None
            raise self._lost(error) from None
        self._producer = producer
        return producer

    async def _hang_up(self) -> None:
        """Leave the producer: what it still held is tried again by the next one."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        # Its stop sends what it holds, as long as that takes, and goes on sending when it is
        # cancelled: behind our back, and behind what the next one has sent meanwhile.
        sender = producer._sender
        if sender is not None and sender.sender_task is not None:
            sender.sender_task.cancel()
        stopping = asyncio.create_task(producer.stop())
        await asyncio.wait([stopping], timeout=2 * self._options.give_up_s)
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)

    def _trusted(self) -> ssl.SSLContext:
        ca = None if self._options.ca is None else self._context.folder / self._options.ca
        try:
            return ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise BadSink(f"ca {ca}: wanted a file of certificates, got: {error}") from error

    def _lost(self, error: BaseException) -> SinkLost:
        said = str(error) or f"no answer in {self._options.give_up_s:g} s"
        return SinkLost(f"kafka {self._options.servers} is away: {said}")
