"""The keys of `sink: webrtc`."""

from pydantic import Field

from sinks.video.encoder import Preset
from stages.capture.ice import IceServer
from stages.stage import Options


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
