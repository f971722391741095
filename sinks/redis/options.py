"""The keys of `sink: redis`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from sinks.delivery import SpoolOptions
from sinks.wire import Encoding

EMBEDDED = "embedded"
SENTINEL = ("redis+sentinel://", "rediss+sentinel://")
SCHEMES = ("redis://", "rediss://", "unix://", *SENTINEL)


class RedisOptions(SpoolOptions):
    """The keys of `sink: redis`."""

    url: str = Field(
        EMBEDDED,
        repr=False,
        description="`embedded` for a server of our own on loopback, which ends with us, or a "
        "server's address with user, password and database number: `redis://`, `rediss://` (TLS), "
        "`unix://`, `redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB` or `rediss+sentinel://`.",
    )
    port: int = Field(
        0, ge=0, le=65535, description="Port of the embedded server, 0 for any free one."
    )
    cluster: bool = Field(
        False,
        description="`url` is a node of a Redis Cluster. Names of streams stand in braces then "
        "(`framewire:{lobby}:detect`), so that the keys of each lie on one node.",
    )
    ca: Path | None = Field(
        None,
        description="With TLS, a file of certificates that the server's must be signed by, instead "
        "of the system's.",
    )
    prefix: str = Field(
        "framewire",
        pattern=r"^[A-Za-z0-9_.:{}-]{1,64}$",
        description="What the names of all channels and keys start with.",
    )
    format: Encoding = Field("json", description="How a message is written: `json` or `msgpack`.")
    channels: bool = Field(
        True, description="Publish each result and event over a channel, at most once."
    )
    stream_length: int = Field(
        1000,
        ge=0,
        description="About how many of the last results each Stream keeps; 0 for no such bound.",
    )
    stream_age_s: float = Field(
        0.0,
        ge=0,
        description="About how many seconds each Stream keeps its entries, by the server's clock; "
        "0 for no such bound. Without either bound there are no Streams.",
    )
    latest_s: float = Field(
        60.0,
        ge=0,
        description="Seconds for which the key `{prefix}:{stream}:{node}:latest` holds the last "
        "result after it came; 0 for no such keys.",
    )
    thumbnail_width: int = Field(
        0,
        ge=0,
        le=640,
        description="Beside each event about a stream, a JPEG of its last picture, so many pixels "
        "wide at most, under `{prefix}:events:{run}:{number}`; what privacy nodes hide is hidden. "
        "0 for none.",
    )
    thumbnail: Literal["picture", "crop"] = Field(
        "picture",
        description="What it shows: the whole `picture`, or, where the event is about something "
        "that is in it, a `crop` around that, whose longer side is `thumbnail_width` at most.",
    )
    thumbnail_s: float = Field(
        3600.0, gt=0, description="Seconds for which such a picture is kept."
    )
    heartbeat_s: float = Field(
        5.0,
        ge=0,
        le=3600,
        description="Seconds between two signs of life under `{prefix}:instances`; who gives none "
        "three times is taken for gone. 0 for none.",
    )
    control_secret: str | None = Field(
        None,
        min_length=16,
        repr=False,
        description="Obey commands over the channel `{prefix}:control` that are signed with this "
        "secret (from the environment: `${NAME}`); see docs/redis.md. None are obeyed without.",
    )
    give_up_s: float = Field(
        1.0,
        gt=0,
        le=60,
        description="Seconds after which a batch that Redis did not take counts as failed.",
    )
    spool: Path = Field(
        Path("out/spool"),
        description="Folder in which results for Streams wait on disk while Redis is away, in a "
        "file with the sink's name; with a server of yours only, not with an embedded one.",
    )

    @property
    def streams(self) -> bool:
        """Whether results go into Streams."""
        return self.stream_length > 0 or self.stream_age_s > 0

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if url != EMBEDDED and not url.startswith(SCHEMES):
            raise ValueError(f"wanted {EMBEDDED} or an address with {', '.join(SCHEMES)}")
        return url

    @model_validator(mode="after")
    def _fits(self) -> "RedisOptions":
        if self.cluster and not self.url.startswith(("redis://", "rediss://")):
            raise ValueError("cluster: wanted a url with redis:// or rediss:// of one of its nodes")
        return self
