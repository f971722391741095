"""The connection to a broker, held and made again. Apart from the sink: it imports aiomqtt."""

import asyncio
import logging
import math
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from aiomqtt import Client, MqttCodeError, Will

from sinks.errors import BadSink, SinkLost
from stages.capture.backoff import Backoff
from stages.capture.mask import mask

KEEPALIVE_S = 15  # who is gone is told by the broker after one and a half of it
WINDOW = 100  # messages on their way that wait for the broker's word
PORTS = {"mqtt": 1883, "mqtts": 8883}
REFUSED = {134, 135}  # bad user name or password, not authorised (MQTT 5, table 3-1)
NO_DELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
QUIET = logging.getLogger("framewire.mqtt")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False  # all it knows is raised too

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Message:
    """What is published, with QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is, and how long it has to answer.

    status   the topic on which we say `online`, and the broker `offline` when we are gone
    again_s  seconds after which we say it once more: of a run before ours, whose machine was gone,
             the broker says `offline` when we are long there
    """

    url: str
    status: str
    give_up_s: float
    ca: Path | None = None
    again_s: float = KEEPALIVE_S

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return mask(self.url)


class MqttLink:
    """A broker that may go away and come back; a task connects again.

    on_begin  called whenever a connection has been made
    """

    def __init__(self, address: Address, on_begin: Callable[[], None]) -> None:
        """Connects at `open`. Raises BadSink if the certificates cannot be read."""
        self._address = address
        self._on_begin = on_begin
        self._name = f"framewire-{secrets.token_hex(6)}"
        self._tls = _tls(address)
        self._client: Client | None = None
        self._why = "not connected yet"
        self._refused = False
        self._tried = asyncio.Event()
        self._broken = asyncio.Event()
        self._holding: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect. Raises BadSink if the broker will not let us in; one that is away may come."""
        self._holding = asyncio.create_task(self._hold())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._tried.wait(), self._address.give_up_s)
        if self._refused:
            raise BadSink(f"{self._address.shown}: wanted to be let in, got: {self._why}")
        if self._client is None:
            log.warning("broker is away", error=str(self._lost()))

    async def publish(
        self, messages: Sequence[Message], taken: Callable[[int], None] = lambda _: None
    ) -> None:
        """Publish in order, with QoS 1: done when the broker has said that it has them.

        taken   told the place of each that it has, also where others fail
        raises  SinkLost if it is away, or takes longer than `give_up_s` for WINDOW of them
        """
        for first in range(0, len(messages), WINDOW):
            client = self._client
            if client is None:
                raise self._lost()
            await self._publish(client, messages[first : first + WINDOW], first, taken)

    async def close(self) -> None:
        """Say goodbye, and disconnect."""
        if self._holding is None:
            return
        with suppress(SinkLost):
            await self.publish([Message(self._address.status, b"offline", retain=True)])
        self._holding.cancel()
        await asyncio.gather(self._holding, return_exceptions=True)

    async def _publish(
        self, client: Client, messages: Sequence[Message], first: int, taken: Callable[[int], None]
    ) -> None:
        sending = [
            asyncio.create_task(
                client.publish(m.topic, m.payload, qos=1, retain=m.retain, timeout=math.inf)
            )
            for m in messages
        ]
        all_sent = asyncio.gather(*sending, return_exceptions=True)
        broken = asyncio.create_task(self._broken.wait())
        try:
            either: list[asyncio.Future[Any]] = [all_sent, broken]
            await asyncio.wait(either, timeout=self._address.give_up_s,
                               return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        finally:
            broken.cancel()
            done = [task.done() and not task.cancelled() and task.exception() is None
                    for task in sending]  # fmt: skip
            if not all(done):  # what is on its way must not arrive behind what is tried again
                if not self._broken.is_set():
                    self._why = f"no answer in {self._address.give_up_s:g} s"
                self._broken.set()
                self._client = None
            for task in sending:
                task.cancel()
        for place, got in enumerate(done, first):
            if got:
                taken(place)
        if not all(done):
            raise self._lost()

    async def _hold(self) -> None:
        backoff = Backoff(0.1, 2.0)
        while True:
            began = time.monotonic()
            try:
                async with self._made() as client:
                    self._broken.clear()
                    await self._say_online(client)
                    self._client = client
                    self._on_begin()
                    self._tried.set()
                    await self._until_broken(client)
            except Exception as error:  # noqa: BLE001 - paho raises anything on a broken packet
                self._end(error)
            finally:
                self._client = None
            self._tried.set()
            await asyncio.sleep(backoff.next(time.monotonic() - began))

    async def _say_online(self, client: Client) -> None:
        online = Message(self._address.status, b"online", retain=True)
        await self._publish(client, [online], 0, lambda _: None)

    async def _until_broken(self, client: Client) -> None:
        """Returns when somebody found the connection broken, raises when it ends by itself."""
        listening = asyncio.create_task(_listen(client))
        broken = asyncio.create_task(self._broken.wait())
        try:
            while not (await asyncio.wait({listening, broken}, timeout=self._address.again_s,
                                          return_when=asyncio.FIRST_COMPLETED))[0]:  # fmt: skip
                await self._say_online(client)
            if listening.done():
                listening.result()
        finally:
            for task in (listening, broken):
                task.cancel()
            await asyncio.gather(listening, broken, return_exceptions=True)

    def _end(self, error: Exception) -> None:
        if self._client is not None:
            log.warning("broker is away", broker=self._address.shown, error=str(error))
        self._client = None
        if not self._broken.is_set():
            self._why = mask(str(error))
        if isinstance(error, MqttCodeError):
            self._refused = getattr(error.rc, "value", 0) in REFUSED
        self._broken.set()

    def _made(self) -> Client:
        parts = urlsplit(self._address.url)
        client = Client(
            parts.hostname or "",
            parts.port or PORTS[parts.scheme],
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            identifier=self._name,
            will=Will(self._address.status, b"offline", 1, retain=True),
            keepalive=KEEPALIVE_S,
            timeout=self._address.give_up_s,
            max_inflight_messages=WINDOW,
            max_queued_incoming_messages=1,  # nothing is subscribed to; what comes is not kept
            socket_options=NO_DELAY,
            tls_context=self._tls,
            logger=QUIET,
        )
        client.pending_calls_threshold = WINDOW
        return client

    def _lost(self) -> SinkLost:
        return SinkLost(f"{self._address.shown} is away: {self._why}")


async def _listen(client: Client) -> None:
    """Nothing is subscribed to: this ends with the connection, by raising MqttError."""
    async for _ in client.messages:
        pass


def _tls(address: Address) -> ssl.SSLContext | None:
    if not address.url.startswith("mqtts"):
        return None
    try:
        return ssl.create_default_context(cafile=address.ca)
    except (OSError, ssl.SSLError) as error:
        raise BadSink(f"ca {address.ca}: wanted a file of certificates, got: {error}") from error
