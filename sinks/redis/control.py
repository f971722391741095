"""Listens for commands, has those carried out that the gate lets through, and answers them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
import structlog

from sinks.errors import SinkError
from sinks.redis.cancelled import heed
from sinks.redis.client import FAILED
from sinks.redis.connect import Address, Connected, connect, disconnect
from sinks.redis.names import Names
from sinks.redis.orders import Answer, Gate, Order
from sinks.sink import Setting
from stages.capture.backoff import Backoff
from stages.throttle import Throttle

log = structlog.get_logger()

Obey = Callable[[Order], Awaitable[tuple[Setting, Setting] | None]]
"""Does what is said, and gives back the values before and after if it has changed one; or raises
SinkError."""


class Control:
    """The ear of one sink on the channel of commands.

    obeyed, refused  commands so far
    """

    def __init__(self, address: Address, names: Names, secret: str, obey: Obey) -> None:
        """Listen to nobody yet."""
        self.obeyed = self.refused = 0
        self._address = address
        self._names = names
        self._gate = Gate(secret, names.control, datetime.now(UTC))
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
                        await pubsub.subscribe(self._names.control)
                    told = await pubsub.get_message(timeout=self._address.give_up_s / 2)
                    heed()
                    backoff.reset()
                except FAILED as error:
                    log.debug("commands are not heard", error=str(error))
                    await asyncio.sleep(backoff.next())
                    continue
                if told is not None:
                    await self._hear(told["data"], client)
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]
            await disconnect(client)

    async def _hear(self, data: bytes, client: Connected) -> None:
        try:
            order = self._gate.admit(data, datetime.now(UTC))
        except SinkError as error:
            self._refuse(error)  # whoever that is: not answered
            return
        try:
            before, after = await self._obey(order) or (None, None)
        except SinkError as error:
            self._refuse(error)
            answer = Answer(id=order.id, command=order.command, obeyed=False, why=str(error))
        else:
            self.obeyed += 1
            about = order.stream or order.node
            log.info("command obeyed", command=order.command, about=about, id=order.id)
            answer = Answer(
                id=order.id, command=order.command, obeyed=True, before=before, after=after
            )
        try:
            await client.publish(self._names.answers, msgspec.json.encode(answer))
            heed()
        except FAILED as error:
            log.debug("command not answered", id=order.id, error=str(error))

    def _refuse(self, error: SinkError) -> None:
        self.refused += 1
        if (held := self._throttle.ready()) is not None:
            log.warning("command refused", why=str(error), held_back=held)
