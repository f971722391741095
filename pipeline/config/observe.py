"""What a run tells those who look after it: events in a file, traces of single frames."""

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


class TracesConfig(Part):
    """Traces of single frames, sent over OTLP; wants `framewire[otel]`."""

    endpoint: str = Field(
        default="http://127.0.0.1:4318/v1/traces",
        repr=False,
        pattern=r"^https?://",
        description="Where an OpenTelemetry collector takes traces, over HTTP. What it wants for a "
        "greeting stands in the environment: `OTEL_EXPORTER_OTLP_HEADERS`.",
    )
    sample: float = Field(
        default=0.01, gt=0, le=1, description="The share of the frames that are traced, up to 1."
    )
    service: str = Field(
        default="framewire", min_length=1, max_length=255, description="What it is called there."
    )
