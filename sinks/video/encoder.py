"""H.264 as live viewers want it: each picture comes out at once, keyframes when asked for."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]

TICKS = 90_000  # a second: the RTP clock of video (RFC 6184)
GOP = 1_000_000  # pictures: keyframes come when they are asked for, or by time
BURST_S = 0.5  # seconds over which the bit rate is kept: a keyframe may take that long to send


@dataclass(frozen=True, slots=True)
class Encoding:
    """How pictures are encoded.

    preset     how hard x264 tries
    crf        quality that is aimed at, 0 (lossless) to 51
    kbps       bit rate that is not passed, in kilobits a second
    width      wider pictures are made smaller, to so many pixels
    keyframe_s seconds from keyframe to keyframe at most
    threads    that x264 may use for a stream
    """

    preset: Preset = "ultrafast"
    crf: int = 23
    kbps: int = 4000
    width: int = 1920
    keyframe_s: float = 4.0
    threads: int = 1


class Encoder:
    """Encodes one stream with x264, without ever holding a picture back.

    What it gives is Constrained Baseline, which every browser decodes, in Annex B, with parameter
    sets before each keyframe. Pictures of another size or other colours begin a new sequence.
    """

    def __init__(self, encoding: Encoding) -> None:
        """Open nothing yet: the first picture says how large they are."""
        self._encoding = encoding
        self._context: VideoCodecContext | None = None
        self._shape: tuple[object, ...] = ()
        self._last = -1

    def encode(self, image: av.VideoFrame, pts: float, *, keyframe: bool) -> tuple[bytes, bool]:
        """One picture's access unit, and whether it is a keyframe.

        image     yuv420p, see `sinks.video.image`
        pts       seconds; more than those of the one before
        keyframe  it shall be one
        raises    av.FFmpegError if the encoder fails
        """
        shape = (image.width, image.height, image.colorspace, image.color_range)
        if self._context is None or shape != self._shape:
            self._context, self._shape = self._open(image), shape
            keyframe = True
        tick = max(round(pts * TICKS), self._last + 1)
        self._last = tick
        image.pts, image.time_base = tick, Fraction(1, TICKS)
        image.pict_type = PictureType.I if keyframe else PictureType.NONE
        packets = self._context.encode(image)
        return b"".join(bytes(packet) for packet in packets), any(p.is_keyframe for p in packets)

    def _open(self, image: av.VideoFrame) -> VideoCodecContext:
        told = self._encoding
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = image.width, image.height
        context.pix_fmt = "yuv420p"
        context.colorspace, context.color_range = image.colorspace, image.color_range
        context.time_base = Fraction(1, TICKS)
        context.framerate = Fraction(30)  # a hint only: every picture has its own time
        context.gop_size = GOP
        context.thread_count = told.threads
        context.options = {
            "preset": told.preset,
            "tune": "zerolatency",
            "profile": "baseline",
            "forced-idr": "1",
            "crf": str(told.crf),
            "maxrate": f"{told.kbps}k",
            "bufsize": f"{round(told.kbps * BURST_S)}k",
        }
        context.open()
        return context
