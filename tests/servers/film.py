"""Coded test cards for the tests: packets, or whole files in memory."""

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from stages.capture.testcard import Card, Planes

if TYPE_CHECKING:
    from av.video.stream import VideoStream

Size = tuple[int, int]
FAST = {"preset": "ultrafast", "tune": "zerolatency"}


def cards(size: Size, count: int, first: int = 0) -> Iterator[Planes]:
    """Test card pictures `first`, `first + 1`, ..."""
    card = Card(*size)
    return (card.planes(number) for number in range(first, first + count))


def film(
    size: Size = (160, 96),
    count: int = 25,
    *,
    fps: int = 25,
    first: int = 0,
    codec: str = "libx264",
    container: str = "mp4",
    options: dict[str, str] | None = None,
) -> bytes:
    """A file of test card pictures whose numbers and times start at `first`."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = cast("VideoStream", output.add_stream(codec, rate=fps))
        set_up(stream.codec_context, size, fps, options)
        for number, planes in enumerate(cards(size, count, first), first):
            output.mux(stream.encode(video_frame(planes, number, fps)))
        output.mux(stream.encode(None))
    return file.getvalue()


def encode(
    pictures: Iterable[Planes], size: Size, fps: int, options: dict[str, str] | None = None
) -> "Iterator[av.Packet[VideoStream]]":
    """The pictures as H.264 packets."""
    encoder = av.CodecContext.create("libx264", "w")
    set_up(encoder, size, fps, options)
    for number, planes in enumerate(pictures):
        yield from encoder.encode(video_frame(planes, number, fps))
    yield from encoder.encode(None)


def set_up(
    encoder: VideoCodecContext, size: Size, fps: int, options: dict[str, str] | None
) -> None:
    """Make an encoder ready: BT.709, one thread, fast."""
    encoder.width, encoder.height = size
    jpeg = encoder.name == "mjpeg"
    encoder.pix_fmt = "yuvj420p" if jpeg else "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, fps), Fraction(fps)
    encoder.colorspace, encoder.color_range = 1, 2 if jpeg else 1
    encoder.thread_count = 1
    encoder.options = (FAST if encoder.name.startswith("libx26") else {}) | (options or {})


def video_frame(planes: Planes, number: int, fps: int) -> av.VideoFrame:
    """An I420 frame with a copy of these planes."""
    height, width = planes[0].shape
    flat = np.concatenate([plane.reshape(-1) for plane in planes])
    frame = av.VideoFrame.from_ndarray(flat.reshape(height * 3 // 2, width), format="yuv420p")
    frame.colorspace, frame.color_range = 1, 1
    frame.pts, frame.time_base = number, Fraction(1, fps)
    return frame
