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

    name    "source.lost", "source.back", "source.ended", "stage.failed", "stage.removed",
            "worker.lost", "worker.back", "stream.degraded", "stream.restored", "zone.entered",
            "zone.left", "line.crossed", "track.lost", "track.found", "presence.entered",
            "presence.left", "control.snapshot", ...
    about   the stream or node it happened to
    detail  numbers and words that belong to it
    at      UTC
    """

    name: str
    about: str
    detail: Mapping[str, Value] = field(default_factory=dict)
    at: datetime = field(default_factory=_now)
