"""Results and events out of Redis again, typed, with nothing missed in silence.

    async with watch("redis://localhost", stream="lobby") as messages:
        async for message in messages:
            ...

Imports no redis-py before it is used.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from sinks.redis.names import Names
from sinks.redis.numbers import Checklist
from sinks.wire import BadMessage, Encoding, EventMessage, Message, decode_event, decode_result

Over = Literal["stream", "channel"]
Since = str | datetime | timedelta | Mapping[str, str] | None

ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages that were missed and are not in the Stream any more, or not yet.

    subject      the stream and the node, or `event`
    first, last  their numbers in `run`
    """

    subject: tuple[str, ...]
    run: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is watched, and where it is. See `watch`."""

    url: str
    stream: str | None
    node: str | None
    events: bool
    follow: bool
    since: Since
    names: Names
    ca: Path | None

    def takes(self, message: Message) -> bool:
        """Whether somebody asked for this one."""
        if isinstance(message, EventMessage):
            return self.events and self.stream in {None, message.about}
        return self.stream in {None, message.stream} and self.node in {None, message.node}

    def takes_key(self, key: str) -> bool:
        """Whether what lies under this name may be wanted."""
        if key == self.names.events:
            return self.events
        stream, _, node = key.removeprefix(f"{self.names.prefix}:").rpartition(":")
        if self.names.cluster:
            stream = stream.removeprefix("{").removesuffix("}")
        return self.stream in {None, stream} and self.node in {None, node}

    def begin(self, key: str) -> str | None:
        """The place in a Stream from which on it is wanted; None for whatever comes now."""
        since = self.since
        if isinstance(since, Mapping):
            return since.get(key, "0")
        if isinstance(since, timedelta):
            return _place(datetime.now(UTC).timestamp() - since.total_seconds())
        if isinstance(since, datetime):
            return _place(since.timestamp())
        return since if since is not None or self.follow else "0"


class Watch:
    """Messages as they come, in the order of each stream and node, each once.

    positions   by Stream: the place of the last message that was given and not broken off; as
                `since`, it goes on from there
    missing     messages that were missed for good so far
    doubles     messages that came twice and were given once
    unreadable  messages of another schema, or none at all, that were passed over
    """

    def __init__(self, wanted: Wanted, over: Over, on_gap: Callable[[Gap], None] | None) -> None:
        """Connects when the first message is asked for."""
        self.positions: dict[str, str] = {}
        self.unreadable = 0
        self.wanted = wanted
        self._over = over
        self._on_gap = on_gap
        self._heard = Checklist()
        self._messages: AsyncGenerator[Message, None] | None = None

    @property
    def missing(self) -> int:
        """Messages that were missed for good so far."""
        return self._heard.missing

    @property
    def doubles(self) -> int:
        """Messages that came twice and were given once."""
        return self._heard.doubles

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncGenerator[Message, None]:
        """The messages.

        raises  SinkLost if Redis is not there to begin with; while it is away later, and `follow`
                is on, it is waited for. BadSink on a bad URL, and if Redis refuses what is asked
        """
        from sinks.redis.listening import listen  # noqa: PLC0415 - redis-py takes 0.23 s
        from sinks.redis.reading import read  # noqa: PLC0415

        self._messages = read(self) if self._over == "stream" else listen(self)
        return self._messages

    async def aclose(self) -> None:
        """Disconnect."""
        if self._messages is not None:
            await self._messages.aclose()

    def gap(self, message: Message) -> range:
        """The numbers that are missing before a message, if it is given now."""
        if message.run is None or message.number is None:
            return range(0)
        return self._heard.gap(message.run, message.number, *subject(message))

    def hear(self, message: Message) -> bool:
        """Note a message that is about to be given; False if it was given before."""
        if message.run is None or message.number is None:
            return True
        missing = self.gap(message)
        at = message.at if isinstance(message, EventMessage) else message.published_at
        new = self._heard.hear(message.run, message.number, *subject(message), at=at)
        if missing and self._on_gap is not None:
            self._on_gap(Gap(subject(message), message.run, missing[0], missing[-1]))
        return new

    def decode(self, key: str, data: bytes) -> Message | None:
        """The message that came under that name; None for one that is not wanted or readable."""
        encoding: Encoding = "json" if data.startswith(b"{") else "msgpack"
        read = decode_event if key == self.wanted.names.events else decode_result
        try:
            message = read(data, encoding)
        except BadMessage:
            self.unreadable += 1
            return None
        return message if self.wanted.takes(message) else None


def _place(moment: float) -> str:
    """The id in a Stream of what came at that moment, in seconds since 1970; none is older."""
    return f"{max(0, round(moment * 1e3))}-0"


def subject(message: Message) -> tuple[str, ...]:
    """What its numbers count."""
    if isinstance(message, EventMessage):
        return ("event",)
    return (message.stream, message.node)


def watch(  # noqa: PLR0913 - each is a word of its own where it is called
    url: str,
    *,
    stream: str | None = None,
    node: str | None = None,
    events: bool = False,
    follow: bool = True,
    since: Since = None,
    over: Over = "stream",
    prefix: str = "framewire",
    cluster: bool = False,
    ca: Path | None = None,
    on_gap: Callable[[Gap], None] | None = None,
) -> Watch:
    """Messages of `sink: redis`, in either format.

    stream, node  only of these; of all by default
    events        events too; with `stream`, those about it
    follow        wait for more; else it ends with what is there
    since         the place in the Streams to begin at: an id, a moment, how long ago, or the
                  `positions` of an earlier one. By default what comes from now on, and without
                  `follow` all that is there
    over          "stream": nothing is lost while it is in the Stream. "channel": as early as can
                  be; what was missed is taken from the Stream, in its order, where it is there
    prefix, cluster, ca  as in the sink's config
    on_gap        told of messages that were missed for good, before the one behind them is given
    raises        ValueError if a channel is to begin in the past or to end
    """
    if over == "channel" and (not follow or since is not None):
        raise ValueError("over: a channel has no past and no end; wanted follow and no since")
    names = Names(prefix, cluster)
    wanted = Wanted(url, stream, node, events, follow, since, names, ca)
    return Watch(wanted, over, on_gap)
