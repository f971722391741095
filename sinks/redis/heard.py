"""What is wanted out of Redis, and what has come of it so far."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from sinks.redis.names import Names
from sinks.redis.numbers import Checklist
from sinks.wire import BadMessage, Encoding, EventMessage, Message, decode_event, decode_result

Over = Literal["stream", "channel"]
Since = str | datetime | timedelta | Mapping[str, str] | None


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


class Heard:
    """Keeps count of messages as they come.

    positions   by Stream: the place of the last message that was given and not broken off
    unreadable  messages of another schema, or none at all, that were passed over
    """

    def __init__(self, wanted: Wanted, on_gap: Callable[[Gap], None] | None) -> None:
        """Nothing has come yet."""
        self.wanted = wanted
        self.positions: dict[str, str] = {}
        self.unreadable = 0
        self._on_gap = on_gap
        self._numbers = Checklist()

    @property
    def missing(self) -> int:
        """Messages that were missed for good so far."""
        return self._numbers.missing

    @property
    def doubles(self) -> int:
        """Messages that came twice and were given once."""
        return self._numbers.doubles

    def gap(self, message: Message) -> range:
        """The numbers that are missing before a message, if it is given now."""
        if message.run is None or message.number is None:
            return range(0)
        return self._numbers.gap(message.run, message.number, *subject(message))

    def hear(self, message: Message) -> bool:
        """Note a message that is about to be given; False if it was given before."""
        if message.run is None or message.number is None:
            return True
        missing = self.gap(message)
        at = message.at if isinstance(message, EventMessage) else message.published_at
        new = self._numbers.hear(message.run, message.number, *subject(message), at=at)
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


def subject(message: Message) -> tuple[str, ...]:
    """What its numbers count."""
    if isinstance(message, EventMessage):
        return ("event",)
    return (message.stream, message.node)


def _place(moment: float) -> str:
    """The id in a Stream of what came at that moment, in seconds since 1970; none is older."""
    return f"{max(0, round(moment * 1e3))}-0"
