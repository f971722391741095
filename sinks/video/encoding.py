"""How pictures are encoded, as the config says it."""

from dataclasses import dataclass
from typing import Literal

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]
Coder = Literal["x264", "nvenc"]
Choice = Literal["auto", "x264", "nvenc"]

TICKS = 90_000  # a second: the RTP clock of video (RFC 6184)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How pictures are encoded.

    preset     how hard the encoder tries
    crf        quality that is aimed at, 0 (lossless with x264) to 51
    kbps       bit rate that is not passed, in kilobits a second
    width      wider pictures are made smaller, to so many pixels
    keyframe_s seconds from keyframe to keyframe at most
    threads    that x264 may use for a stream
    encoder    what encodes; "auto": NVENC where there is one
    """

    preset: Preset = "ultrafast"
    crf: int = 23
    kbps: int = 4000
    width: int = 1920
    keyframe_s: float = 4.0
    threads: int = 1
    encoder: Choice = "x264"
