"""Listens for commands, and has those carried out that the gate lets through."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog

from sinks.errors import SinkError
from sinks.redis.cancelled import heed
from sinks.redis.client import FAILED
from sinks.redis.connect import Address, connect, disconnect
from sinks.redis.orders import Gate, Order
from stages.capture.backoff import Backoff
from stages.throttle import Throttle

log = structlog.get_logger()


class Control:
    """The ear of one sink on the channel of commands.

    obeyed, refused  commands so far
    """

    def __init__(
        self, address: Address, channel: str, secret: str, obey: Callable[[Order], Awaitable[None]]
    ) -> None:
        """`obey` does what is said, or raises SinkError."""
        self.obeyed = self.refused = 0
        self._address = address
        self._channel = channel
        self._gate = Gate(secret, channel, datetime.now(UTC))
        self._obey = obey
        self._throttle = Throttle()

    async def listen(self) -> None:
        """Until cancelled; across outages."""
        client = connect(self._address)
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        backoff = Backoff(0.05, 1.0)
        try:
            while True:
                try:
                    if not pubsub.subscribed:
                        await client.ping()
                        await pubsub.subscribe(self._channel)
                    told = await pubsub.get_message(timeout=self._address.give_up_s / 2)
                    heed()
                    backoff.reset()
                except FAILED as error:
                    log.debug("commands are not heard", error=str(error))
                    await asyncio.sleep(backoff.next())
                    continue
                if told is not None:
                    await self._hear(told["data"])
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]
            await disconnect(client)

    async def _hear(self, data: bytes) -> None:
        try:
            order = self._gate.admit(data, datetime.now(UTC))
            await self._obey(order)
        except SinkError as error:
            self.refused += 1
            if (held := self._throttle.ready()) is not None:
                log.warning("command refused", why=str(error), held_back=held)
            return
        self.obeyed += 1
        log.info("command obeyed", command=order.command, stream=order.stream, id=order.id)
