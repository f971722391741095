"""What is carried, and the name that tells a double from something new."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Record:
    """Bytes on their way to a peer.

    id    names what they say once and for all, so that whoever gets them twice can drop one
    key   where they go: a Redis Stream, a topic, the path of a URL
    data  the message
    """

    id: str
    key: str
    data: bytes


def new_run() -> str:
    """A name for one run of a sink; of two runs the later one sorts behind, by the wall clock.

    Frames are counted from 0 in each run, and what was spooled outlives a run: without it the
    first frames of the next run would pass for doubles of the last one's.
    """
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def result_id(stream: str, seq: int, node: str, run: str) -> str:
    """The id of a result: `stream:seq:node:run`. None of the four holds a colon."""
    return f"{stream}:{seq}:{node}:{run}"


def event_id(number: int, run: str) -> str:
    """The id of an event: `event:number:run`, counted from 0 in each run."""
    return f"event:{number}:{run}"
