"""The keys of `sink: webrtc`."""

import re

from pydantic import Field, field_validator

from sinks.video.encoder import Preset
from stages.stage import Options

ICE_URL = re.compile(r"(stuns?:[^?\s/@]+|turns?:[^?\s/@]+(\?transport=(udp|tcp))?)")


class IceServer(Options):
    """A server that helps viewers behind other networks to reach this one."""

    urls: tuple[str, ...] = Field(
        min_length=1, description="Such as `stun:10.0.0.1:3478` or `turn:10.0.0.1?transport=udp`."
    )
    username: str | None = Field(None, description="For TURN.")
    credential: str | None = Field(
        None, repr=False, description="For TURN; viewers are told it, so let it be short-lived."
    )

    @field_validator("urls", mode="before")
    @classmethod
    def _several(cls, urls: object) -> object:
        return (urls,) if isinstance(urls, str) else urls

    @field_validator("urls")
    @classmethod
    def _known(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if ICE_URL.fullmatch(url) is None:
                raise ValueError(f"wanted stun:HOST:PORT or turn:HOST:PORT, got {url!r}")
        return urls


class WebrtcOptions(Options):
    """The keys of `sink: webrtc`."""

    ice_servers: tuple[IceServer, ...] = Field(
        (),
        description="STUN and TURN servers, for us and for viewers. None unless named: nobody "
        "outside is ever asked.",
    )
    max_viewers: int = Field(
        100, ge=1, le=10_000, description="Viewings at once, one for each stream on a page."
    )
    burn: bool = Field(
        False,
        description="Draw results into the picture, which then is encoded (once for all viewers); "
        "else they go beside it, and the page draws them on the very frame.",
    )
    preset: Preset = Field(
        "ultrafast", description="How hard x264 tries, where a stream must be encoded."
    )
    bitrate: int = Field(
        4000,
        ge=100,
        le=100_000,
        description="Kilobits a second that an encoded stream stays below.",
    )
    width: int = Field(
        1920, ge=160, le=7680, description="Wider pictures are encoded at this many pixels."
    )
    connect_s: float = Field(
        10.0, gt=0, le=120, description="Seconds that a viewer may take to connect."
    )
