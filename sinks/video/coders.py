"""FFmpeg's two encoders of H.264 that are used, and which of them there is.

Both are opened so that each picture comes out at once, as Constrained Baseline in Annex B with
parameter sets before each keyframe. NVENC could not be tried where this was written: no GPU. Its
options are chosen by what FFmpeg's libavcodec/nvenc.c (of 2024, for NVIDIA's SDK 12.2) does with
them, and named as the FFmpeg in PyAV has them:

tune ull       NVIDIA's preset for ultra-low latency: no B-frames, no look-ahead (NVENC Video
               Encoder API Programming Guide, "Encoder TUNING INFO and PRESET configuration")
delay 0        `output_ready` gives a picture as soon as it is encoded; by default FFmpeg first
               fills its surfaces, at least three pictures. Also switches off look-ahead that p6
               and p7 may ask for
zerolatency 1  `zeroReorderDelay`: nothing is held back to be reordered
bf 0           `frameIntervalP` 1, since some presets have B-frames
forced-idr 1   a picture that shall be a keyframe is an IDR (`NV_ENC_PIC_FLAG_FORCEIDR`) and not
               merely intra, from which nobody may begin
rc vbr, cq     quality is aimed at, `maxrate` not passed, as by x264's crf. 0 would be "automatic".
               With `cq` FFmpeg discards `bufsize`, so none is given
profile        Baseline has neither B-frames nor CABAC, and FFmpeg asks for none of what Constrained
               Baseline forbids; Firefox and Safari take it under 42e0 (Unity's com.unity.webrtc,
               pull request 720)

Parameter sets are repeated (`repeatSPSPPS`) since AV_CODEC_FLAG_GLOBAL_HEADER is not set.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from threading import Lock
from typing import Protocol

import av
import structlog
from av import logging as av_logging
from av.codec import codecs_available
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from sinks.errors import BadSink
from sinks.video.encoding import TICKS, Choice, Coder, Encoding, Preset
from stages.capture.packet import VideoPacket

log = structlog.get_logger()

GOP = 1_000_000  # pictures: keyframes come when they are asked for, or by time
BURST_S = 0.5  # seconds over which x264 keeps the bit rate: a keyframe may take that long to send
RATE = 30.0  # pictures a second that an encoder reckons with, until more are seen
P: dict[Preset, str] = {
    "ultrafast": "p1", "superfast": "p2", "veryfast": "p3", "faster": "p4", "fast": "p5",
    "medium": "p6", "slow": "p7",
}  # fmt: skip
"""NVENC's presets by ours. Both go in seven steps from quick to good; what a step costs is not the
same, since the work is not the CPU's."""
TRIED = (256, 256)  # pixels: above the least that NVENC is reported to take, 145 each way


class Opened(Protocol):
    """An encoder that is open, as PyAV has it."""

    def encode(self, image: av.VideoFrame, /) -> Sequence[VideoPacket]:
        """The packets that this picture brings out. Raises av.FFmpegError."""
        ...


Open = Callable[[Encoding, av.VideoFrame, float], Opened]
"""Opens an encoder for pictures like this one, so many a second. Raises av.FFmpegError, and
ValueError where FFmpeg was built without it."""


def open_x264(encoding: Encoding, image: av.VideoFrame, rate: float) -> Opened:
    """See `Open`. x264 goes by the pictures' times; the rate is a hint."""
    context = _context("libx264", image, rate)
    context.thread_count = encoding.threads
    context.options = {
        "preset": encoding.preset,
        "tune": "zerolatency",
        "profile": "baseline",
        "forced-idr": "1",
        "crf": str(encoding.crf),
        "maxrate": f"{encoding.kbps}k",
        "bufsize": f"{round(encoding.kbps * BURST_S)}k",
    }
    context.open()
    return context


def open_nvenc(encoding: Encoding, image: av.VideoFrame, rate: float) -> Opened:
    """See `Open`. NVENC knows no times: it shares out the bit rate by `rate`."""
    context = _context("h264_nvenc", image, rate)
    context.options = nvenc_options(encoding)
    context.open()
    return context


def nvenc_options(encoding: Encoding) -> dict[str, str]:
    """What FFmpeg is told, see the module."""
    return {
        "preset": P[encoding.preset],
        "tune": "ull",
        "profile": "baseline",
        "forced-idr": "1",
        "zerolatency": "1",
        "delay": "0",
        "bf": "0",
        "rc": "vbr",
        "cq": str(max(1, encoding.crf)),
        "maxrate": f"{encoding.kbps}k",
    }


def settled(wanted: Choice) -> Coder:
    """What encodes on this machine. The first call may take a second."""
    with _lock:
        return _settled(wanted)


def why_no_nvenc() -> str | None:
    """Why there is no NVENC, in FFmpeg's words, or None if one can be opened. Tried once."""
    with _lock:
        return _why_no_nvenc()


def check(sink: str, wanted: Choice) -> None:
    """Before anything runs: see that there is what a config wants. May take a second.

    raises  BadSink
    """
    if "libx264" not in codecs_available:
        raise BadSink(f"{sink}: wanted the encoder libx264, got an FFmpeg without it")
    if wanted == "nvenc" and (why := why_no_nvenc()) is not None:
        raise BadSink(
            f"{sink}: encoder nvenc: wanted NVIDIA's encoder, got none ({why}); `encoder: x264` "
            "works everywhere, `auto` takes what there is"
        )
    settled(wanted)


_lock = Lock()


@cache
def _settled(wanted: Choice) -> Coder:
    if wanted != "auto":
        return wanted
    why = _why_no_nvenc()
    if why is None:
        return "nvenc"
    log.info("x264 encodes, there is no NVENC", why=why)
    return "x264"


@cache
def _why_no_nvenc() -> str | None:
    # PyAV's logging may hold up threads that let go of a decoder, so it is on for this only, while
    # sinks open and no source has been read.
    level = av_logging.get_level()
    av_logging.set_level(av_logging.ERROR)
    try:
        with av_logging.Capture() as said:
            return _failure(said)
    finally:
        av_logging.set_level(level)


def _failure(said: Sequence[tuple[int, str, str]]) -> str | None:
    """Open NVENC. What FFmpeg has said if that fails, as it comes in."""
    try:
        open_nvenc(Encoding(), av.VideoFrame(*TRIED, "yuv420p"), RATE)
    except (FFmpegError, ValueError) as error:
        return "; ".join(text.strip() for _, _, text in said) or str(error)
    return None


def _context(codec: str, image: av.VideoFrame, rate: float) -> VideoCodecContext:
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = image.width, image.height
    context.pix_fmt = "yuv420p"
    context.colorspace, context.color_range = image.colorspace, image.color_range
    context.time_base = Fraction(1, TICKS)
    context.framerate = Fraction(round(rate))
    context.gop_size = GOP
    return context
