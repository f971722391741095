"""Servers that help two ends of a WebRTC connection to find each other. None is asked unnamed."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from stages.stage import Options

if TYPE_CHECKING:
    from aiortc import RTCConfiguration

ICE_URL = re.compile(r"(stuns?:[^?\s/@]+|turns?:[^?\s/@]+(\?transport=(udp|tcp))?)")


class IceServer(Options):
    """A server that helps others, behind other networks, to reach this machine."""

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


def configuration(servers: Sequence[IceServer]) -> "RTCConfiguration":
    """What a connection is made with: without a list of its own, aiortc asks a public server."""
    from aiortc import RTCConfiguration, RTCIceServer  # noqa: PLC0415 - it takes 0.3 s to import

    return RTCConfiguration(
        iceServers=[RTCIceServer(list(one.urls), one.username, one.credential) for one in servers]
    )
