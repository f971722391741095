"""`sink: mqtt`: each result and event with QoS 1, latest states, Home Assistant's entities.

See `docs/ways-out.md`.
"""

import asyncio
import time
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from sinks.delivery import Record
from sinks.errors import BadSink, SinkLost
from sinks.messages import MessageSink
from sinks.mqtt.discovery import Discovery
from sinks.mqtt.options import MqttOptions
from sinks.mqtt.states import States
from sinks.mqtt.topics import Topics
from sinks.sink import Delivery, SinkContext
from sinks.version import version
from stages.capture.mask import mask

if TYPE_CHECKING:
    from sinks.mqtt.link import MqttLink

log = structlog.get_logger()


class MqttSink(MessageSink):
    """Publishes messages in order; those that wait in the spool go when the broker is back.

    States tell what is, not what was: they go while the broker is there, and do not wait.
    """

    Options = MqttOptions

    def __init__(self, options: MqttOptions, context: SinkContext) -> None:
        """Nothing is connected yet."""
        super().__init__(options, context)
        self._options = options
        self._topics = Topics(options.prefix)
        self._states = States()
        self._discovery = (
            None
            if options.discovery is None
            else Discovery(options.discovery, self._topics, version())
        )
        self._link: MqttLink | None = None
        self._telling: asyncio.Task[None] | None = None

    def place(self, stream: str, node: str) -> str:
        """The topic of a result."""
        return self._topics.result(stream, node)

    def place_of_events(self) -> str:
        """The topic of events."""
        return self._topics.events

    def address(self) -> str:
        """The broker, without a password."""
        return mask(self._options.url)

    async def start(self) -> None:
        """Connect. Raises BadSink if the broker will not let us in."""
        if find_spec("aiomqtt") is None:
            raise BadSink("mqtt: wanted the package aiomqtt, got none (pip install aiomqtt)")
        link = await asyncio.to_thread(import_module, "sinks.mqtt.link")
        options = self._options
        ca = None if options.ca is None else self._context.folder / options.ca
        address = link.Address(options.url, self._topics.status, options.give_up_s, ca)
        self._link = made = link.MqttLink(address, self._forget)
        await made.open()
        if options.state_s:
            self._telling = asyncio.create_task(self._tell_states(options.state_s))

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Send a batch. Raises as `MessageSink.write` does."""
        if self._telling is not None:
            for delivery in batch:
                for node in delivery.nodes:
                    if (result := delivery.frame.results.get(node)) is not None:
                        self._states.note(delivery.frame.stream, node, result)
        await super().write(batch)

    async def bring(self, records: Sequence[Record]) -> None:
        """Publish them, many on their way at a time."""
        from sinks.mqtt.link import Message  # noqa: PLC0415

        assert self._link is not None
        if strays := [record for record in records if not record.key]:
            self.refuse(strays, "wanted a topic, got none: spooled by a sink of another kind")
        sent = [record for record in records if record.key]
        messages = [Message(record.key, record.data) for record in sent]
        await self._link.publish(messages, lambda place: self.settle([sent[place]]))

    async def stop(self) -> None:
        """Tell the last states, say goodbye, and disconnect."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
            await self._tell()
        if self._link is not None:
            await self._link.close()

    def _forget(self) -> None:
        self._states.forget()
        if self._discovery is not None:
            self._discovery.forget()

    async def _tell_states(self, every_s: float) -> None:
        while True:
            await self._tell()
            await asyncio.sleep(every_s)

    async def _tell(self) -> None:
        from sinks.mqtt.link import Message  # noqa: PLC0415

        assert self._link is not None
        entities: list[Message] = []
        states: list[Message] = []
        for (stream, node), state, payload in self._states.news(time.monotonic()):
            if self._discovery is not None:
                entities += [
                    Message(one.topic, one.payload, retain=True)
                    for one in self._discovery.news(stream, node, state)
                ]
            states.append(Message(self._topics.state(stream, node), payload, retain=True))
        try:
            await self._link.publish([*entities, *states])
        except SinkLost as error:
            log.debug("states not told", error=str(error))
