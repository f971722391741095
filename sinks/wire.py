"""Results and events as messages: the published, versioned schema of `docs/schema.md`.

JSON and msgpack carry the same fields with the same types; moments are text in both. A reader of
schema 1 must ignore fields it does not know: new ones may come without a new number.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from sinks.errors import SinkError
from stages.events import Event, Value
from stages.frame import Frame

SCHEMA: Final = 1
Encoding = Literal["json", "msgpack"]
Moment = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]
Run = Annotated[
    str | None,
    Meta(
        description="Which run of the sink this is from, by the moment it began; with each, `seq` "
        "and `number` begin anew. `null` from sinks that number nothing."
    ),
]
Number = Annotated[
    int | None,
    Meta(
        description="Counts what this sink sends of one stream and node (or of events) in a run, "
        "from 0: a gap is a message that was missed. `null` from sinks that number nothing."
    ),
]


class BadMessage(SinkError):
    """Bytes that are not a message of this schema."""


class ResultMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What one node has said about one frame."""

    schema: Annotated[Literal[1], Meta(description="Version of this schema.")] = SCHEMA
    stream: Annotated[str, Meta(description="Name of the stream in the config.")]
    node: Annotated[
        str,
        Meta(description="Name of the node that gave the result; `capture` for a bare frame."),
    ]
    seq: Annotated[
        int,
        Meta(
            ge=0,
            description="Number of the frame in its stream, from 0 when framewire starts, never "
            "repeated in one run.",
        ),
    ]
    run: Run = None
    number: Number = None
    pts: Annotated[float, Meta(description="Seconds since the stream began, on its own clock.")]
    captured_at: Annotated[
        Moment,
        Meta(
            description="When the picture was taken, by the camera's clock where it sends one, "
            "else when it came in. RFC 3339, UTC, microseconds."
        ),
    ]
    published_at: Annotated[
        Moment,
        Meta(description="When this message was made. RFC 3339, UTC, microseconds."),
    ]
    latency_ms: Annotated[
        float,
        Meta(
            description="Milliseconds from the arrival of the frame's last packet to the making "
            "of this message, on one monotonic clock: changes of the wall clock do not touch it."
        ),
    ]
    width: Annotated[int, Meta(gt=0, description="Width of the source picture in pixels.")]
    height: Annotated[int, Meta(gt=0, description="Height of the source picture in pixels.")]
    corrupt: Annotated[
        bool,
        Meta(
            description="Some of the picture's pixels are guesses: it, or one that it is built "
            "from, came damaged or not at all."
        ),
    ]
    kind: Annotated[
        str, Meta(description="What `data` holds: see Kinds. Skip a kind you do not know.")
    ]
    data: Annotated[
        dict[str, object],
        Meta(
            description="The result. Coordinates are in [0, 1] of the source picture, "
            "x to the right, y down.",
        ),
    ]


class EventMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to the pipeline."""

    schema: Annotated[Literal[1], Meta(description="Version of this schema.")] = SCHEMA
    name: Annotated[str, Meta(description="What happened, such as `source.lost`.")]
    run: Run = None
    number: Number = None
    about: Annotated[str, Meta(description="The stream or node it happened to.")]
    detail: Annotated[
        dict[str, Value], Meta(description="Numbers and words that belong to it, by name.")
    ]
    at: Annotated[Moment, Meta(description="When it happened. RFC 3339, UTC, microseconds.")]


Message = ResultMessage | EventMessage

_json = msgspec.json.Encoder()
_msgpack = msgspec.msgpack.Encoder()


def result_message(
    frame: Frame,
    node: str,
    published_at: datetime,
    monotonic: float,
    *,
    run: str | None = None,
    number: int | None = None,
) -> ResultMessage:
    """The message for what `node` has said about `frame`.

    A node without a result, such as `capture`, gives a message of kind "frame" without data.

    published_at  now, on the wall clock, with a time zone
    monotonic     now, in seconds of `time.monotonic`
    run, number   of the sink that sends it, if it numbers its messages
    """
    result = frame.results.get(node)
    return ResultMessage(
        stream=frame.stream,
        node=node,
        seq=frame.seq,
        run=run,
        number=number,
        pts=round(frame.pts, 6),
        captured_at=moment(frame.captured_at),
        published_at=moment(published_at),
        latency_ms=round((monotonic - frame.arrived) * 1e3, 3),
        width=frame.picture.width,
        height=frame.picture.height,
        corrupt=frame.corrupt,
        kind="frame" if result is None else result.kind,
        data={} if result is None else dict(result.to_wire()),
    )


def event_message(
    event: Event, *, run: str | None = None, number: int | None = None
) -> EventMessage:
    """The message for an event, numbered if its sink does so."""
    return EventMessage(
        name=event.name,
        run=run,
        number=number,
        about=event.about,
        detail=dict(event.detail),
        at=moment(event.at),
    )


def encode(message: Message, encoding: Encoding = "json") -> bytes:
    """The bytes of a message, without a line break in them if JSON."""
    return _json.encode(message) if encoding == "json" else _msgpack.encode(message)


def decode_result(data: bytes, encoding: Encoding = "json") -> ResultMessage:
    """Read a result. Raises BadMessage if it is none, of this schema."""
    with _explained("a result", data, encoding):
        return _results[encoding == "msgpack"].decode(data)


def decode_event(data: bytes, encoding: Encoding = "json") -> EventMessage:
    """Read an event. Raises BadMessage if it is none, of this schema."""
    with _explained("an event", data, encoding):
        return _events[encoding == "msgpack"].decode(data)


def moment(at: datetime) -> str:
    """RFC 3339 in UTC, always with six digits of a second, so that text sorts as time does."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_results = (msgspec.json.Decoder(ResultMessage), msgspec.msgpack.Decoder(ResultMessage))
_events = (msgspec.json.Decoder(EventMessage), msgspec.msgpack.Decoder(EventMessage))


@contextmanager
def _explained(wanted: str, data: bytes, encoding: Encoding) -> Iterator[None]:
    try:
        yield
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(
            f"message: wanted {wanted} of schema {SCHEMA} in {encoding}, "
            f"got {bytes(data[:60])!r}: {error}"
        ) from error
