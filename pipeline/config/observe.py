"""What of a run is kept for those who look after it: events."""

from pathlib import Path

from pydantic import Field

from pipeline.config.part import Part


class EventsConfig(Part):
    """A file with every event, one JSON message a line."""

    path: Path = Field(
        description="The file, relative to the config. Its folder is made, lines are added to it.",
    )
    max_mb: float = Field(
        default=10,
        gt=0,
        le=100_000,
        description="Megabytes (10^6 bytes) after which another file is begun.",
    )
    keep: int = Field(
        default=5,
        ge=0,
        le=1000,
        description="Older files that are kept: `events.jsonl.1` is the newest of them.",
    )
