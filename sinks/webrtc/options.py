"""The keys of `sink: webrtc`."""

from pydantic import Field

from sinks.video.options import EncodedOptions
from stages.capture.ice import IceServer


class WebrtcOptions(EncodedOptions):
    """The keys of `sink: webrtc`."""

    ice_servers: tuple[IceServer, ...] = Field(
        (),
        description="STUN and TURN servers, for us and for viewers. None unless named: nobody "
        "outside is ever asked. See Networks in viewer.md.",
    )
    max_viewers: int = Field(
        100, ge=1, le=10_000, description="Viewings at once, one for each stream on a page."
    )
    connect_s: float = Field(
        10.0, gt=0, le=120, description="Seconds that a viewer may take to connect."
    )
