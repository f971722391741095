"""What the config can say about how a stream is captured."""

from typing import Literal

from pydantic import Field

from stages.capture.ice import IceServer
from stages.stage import Options

SIZE = r"^[1-9]\d{0,4}x[1-9]\d{0,4}$"


class CaptureOptions(Options):
    """Where a stream's pictures come from, and how they are fetched.

    `source` and `options` may hold passwords: they are left out of `repr`.
    """

    source: str = Field(
        "auto",
        min_length=1,
        repr=False,
        description="A URL (rtsp, rtsps, rtmp, http, https, udp, rtp, tcp), a video file, "
        "a folder of pictures, a camera such as /dev/video0, `testcard`, `whip`: whoever publishes "
        "it to `/whip/NAME` of our server, `recording://PATH`: what `sink: record` has recorded, "
        "under its old clocks, or `auto`: the first camera that opens, else a clip of a person "
        "talking, else the test card.",
    )
    pace: Literal["auto", "realtime", "fast"] = Field(
        "auto",
        description="How fast files, folders and the test card are read. `realtime`: as they were "
        "taken, like a camera, which cannot be made to wait; `fast`: as fast as the graph takes "
        "them, without loss; `auto`: realtime for the test card and for whatever loops, else fast. "
        "Live streams come at their own pace whatever this says.",
    )
    loop: bool = Field(
        False, description="Begin again at the end of a file or folder, with rising timestamps."
    )
    transport: Literal["tcp", "udp"] = Field(
        "tcp",
        description="How RTSP carries the video: `tcp` loses nothing, `udp` never waits.",
    )
    open_timeout_s: float = Field(
        5.0, gt=0, le=300, description="The longest that opening a stream may take, in seconds."
    )
    first_picture_s: float = Field(
        30.0,
        gt=0,
        le=3600,
        description="The longest wait in seconds for the first picture of a stream that does send "
        "data: a camera may send one that stands alone only every 10 to 20 seconds.",
    )
    stall_s: float = Field(
        5.0,
        gt=0,
        le=300,
        description="Seconds without data, or without a picture after the first, after which a "
        "live stream counts as lost. Noticing takes up to twice as long and a second.",
    )
    retry_first_s: float = Field(
        0.1, gt=0, le=60, description="Seconds before the first try after a live stream was lost."
    )
    retry_most_s: float = Field(
        1.5, gt=0, le=3600, description="Seconds at most between two tries; they double up to it."
    )
    max_width: int = Field(
        4096,
        ge=16,
        le=16384,
        description="Widest picture that is taken. Turned ones fit too: 2160x3840 in 4096x2304.",
    )
    max_height: int = Field(2304, ge=16, le=16384, description="Highest picture that is taken.")
    on_corrupt: Literal["mark", "drop"] = Field(
        "mark",
        description="Pictures of which the decoder had to guess a part, and those that are built "
        "from one that was damaged or lost, up to the next keyframe: given out with a mark, or "
        "dropped. Both are counted.",
    )
    clock: Literal["camera", "arrival"] = Field(
        "camera",
        description="What says when a picture was taken: the camera's clock where it sends one "
        "within a day of ours (RTCP sender reports), or always the time of arrival.",
    )
    threads: int = Field(
        1,
        ge=0,
        le=64,
        description="Threads that decode this stream, 0 for one a core. More than one holds each "
        "picture back by one frame a thread; one is enough up to 4K at 30 a second.",
    )
    format: str | None = Field(
        None, description="A camera's pixel format, such as mjpeg or yuyv422; its own if left out."
    )
    size: str | None = Field(
        None,
        pattern=SIZE,
        description="Size of a camera's picture or of the test card, such as 1280x720, which is "
        "the test card's if left out.",
    )
    fps: float | None = Field(
        None,
        gt=0,
        le=1000,
        allow_inf_nan=False,
        description="Pictures a second of a camera, of the test card and of a folder; 25 for the "
        "last two if left out.",
    )
    ice_servers: tuple[IceServer, ...] = Field(
        (),
        description="Of `source: whip`: STUN and TURN servers by which who publishes finds us. "
        "None unless named: nobody outside is ever asked. See Networks in viewer.md.",
    )
    options: dict[str, str] = Field(
        default_factory=dict,
        repr=False,
        description="Options for FFmpeg's demuxer and protocol, by name, such as "
        "`user_agent` or `rtsp_flags`. They win over ours; unknown ones have no effect.",
    )

    @property
    def max_pixels(self) -> int:
        """Pixels that a decoder may allocate: whole blocks of 64x64 (H.265), upright or turned."""
        return -(-self.max_width // 64) * 64 * -(-self.max_height // 64) * 64

    def fits(self, width: int, height: int) -> bool:
        """Whether a picture of this size is taken, upright or turned."""
        most, least = sorted((self.max_width, self.max_height), reverse=True)
        return max(width, height) <= most and min(width, height) <= least
