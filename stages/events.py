"""Things that happen to a pipeline, as opposed to what it sees."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

Value = str | int | float | bool | None


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, with a stable name.

    name    one of those in stages/event_table.py, or one of a stage of your own
    about   the stream, node or sink it happened to; "run" for the whole
    detail  numbers and words that belong to it
    at      UTC
    """

    name: str
    about: str
    detail: Mapping[str, Value] = field(default_factory=dict)
    at: datetime = field(default_factory=_now)
