"""A stream's latest picture as JPEG, from its coded video: nothing is decoded before one asks."""

import asyncio
from collections.abc import Sequence

import av
import cv2
import structlog
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from sinks.video import Video
from stages.lane import Packet

PATIENCE_S = 2.0  # for a keyframe, where none is kept
MOST_PACKETS = 100  # decoded for one picture: the newest keyframe, and four seconds behind it

log = structlog.get_logger()


async def snapshot(video: Video, quality: int) -> bytes | None:
    """The JPEG of the newest picture, or of one not much older. None when none comes."""
    loop = asyncio.get_running_loop()
    first: asyncio.Future[None] = loop.create_future()
    packets: list[Packet] = []

    def read(packet: Packet) -> None:
        if len(packets) < MOST_PACKETS:
            packets.append(packet)
        if len(packets) == 1:
            loop.call_soon_threadsafe(_done, first)

    reading = video.attach(read)
    try:
        await asyncio.wait_for(first, PATIENCE_S)
    except TimeoutError:
        return None
    finally:
        reading.close()
    try:
        return await asyncio.to_thread(_jpeg, list(packets), quality)
    except FFmpegError as error:
        log.warning("no snapshot", stream=packets[0].stream, error=str(error))
        return None


def _done(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _jpeg(packets: Sequence[Packet], quality: int) -> bytes | None:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    images = [
        image
        for packet in (*packets, None)
        for image in decoder.decode(None if packet is None else av.Packet(packet.data))
    ][-1:]
    if not images:
        return None
    pixels = images[0].to_ndarray(format="bgr24")
    return cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()
