"""Serves one stream of 720p25 to viewers. Arguments: MODE CLIP [NODES].

passthrough  the clip's own packets, through `sink: webrtc`
encode       its pictures, encoded once, through `sink: webrtc`
vp8          its pictures through aiortc alone, which encodes them for each viewer
decode       nobody is served: the clip's packets are decoded, one thread

NODES  so many results a picture go over the overlay channel, of four boxes each

Prints its address, and ends with its input.
"""

import asyncio
import ctypes
import gc
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

import av
import psutil
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import VIDEO_TIME_BASE
from av.video.codeccontext import VideoCodecContext
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipeline.server import serving
from sinks.sink import Delivery, GraphNode, SinkContext
from sinks.webrtc.options import WebrtcOptions
from sinks.webrtc.sink import WebrtcSink
from stages.frame import Frame
from stages.lane import Coding, Lane, Packet
from stages.picture import Picture
from stages.stage import Options
from tests.factory import detections, frame_of

FPS = 25
KEPT = 50  # pictures that are kept decoded: 1.4 MB each
NODES = tuple(f"node{number}" for number in range(10))


def coded(path: str) -> list[Packet]:
    """The clip's packets as Annex B."""
    with av.open(path) as clip:
        video = clip.streams.video[0]
        annexb = av.BitStreamFilterContext("h264_mp4toannexb", video)
        packets = [
            (bytes(one), one.is_keyframe)
            for packet in clip.demux(video)
            for one in annexb.filter(packet if packet.size else None)
        ]
    coding = Coding("h264", (1280, 720))
    now = datetime.now(UTC)
    return [Packet("a", data, 0, 0, key, 0, now, coding) for data, key in packets]


def decoded(path: str) -> list[av.VideoFrame]:
    """The first of the clip's pictures."""
    with av.open(path) as clip:
        return [frame for frame, _ in zip(clip.decode(video=0), range(KEPT), strict=False)]


def at_pace(step: Callable[[int, float], None]) -> threading.Thread:
    """A thread that calls `step` 25 times a second with a number and a stream's time."""

    def run() -> None:
        began = time.monotonic()
        for number in count():
            time.sleep(max(0.0, began + number / FPS - time.monotonic()))
            step(number, number / FPS)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


async def ours(mode: str, clip: str, nodes: int) -> None:
    """`sink: webrtc` behind a lane."""
    lane, loop = Lane(), asyncio.get_running_loop()
    graph = {name: GraphNode("detect", ("capture",), ("a",), Options()) for name in NODES[:nodes]}
    context = SinkContext("view", ("a",), lanes={"a": lane}, inputs=tuple(graph), graph=graph)
    sink = WebrtcSink(WebrtcOptions(bitrate=3000, max_viewers=1000), context)
    await sink.open()
    boxes = detections(*[(0.1, 0.2, 0.3, 0.4)] * 4)

    def tell(frame: Frame) -> None:
        for name in graph:
            frame.say(name, boxes)
        batch = [Delivery(frame, (name,)) for name in graph]
        asyncio.run_coroutine_threadsafe(sink.write(batch), loop)

    if mode == "passthrough":
        packets = coded(clip)
        lane.open(packets[0].coding)
        small = frame_of(decoded(clip)[0].to_ndarray(format="bgr24"))

        def step(number: int, pts: float) -> None:
            told = packets[number % len(packets)]
            now = datetime.now(UTC)
            lane.push(Packet("a", told.data, pts, pts, told.keyframe, time.monotonic(), now,
                             told.coding))  # fmt: skip
            if nodes:
                tell(Frame("a", number, pts, now, 0, 0, small.picture))
    else:
        pictures = [Picture.from_av(image) for image in decoded(clip)]
        lane.open(None)

        def step(number: int, pts: float) -> None:
            now = time.monotonic()
            picture = pictures[number % KEPT]
            frame = Frame("a", number, pts, datetime.now(UTC), now, now, picture)
            lane.show(frame)
            if nodes:
                tell(frame)

    at_pace(step)
    await served([*sink.routes(), Route("/held", held)])
    await sink.close()


async def held(_request: Request) -> Response:
    """What this process holds: tasks, descriptors, megabytes.

    Free memory that the allocator keeps for next time goes back first: it is no leak, and how much
    it is depends on how many viewers there were at once.
    """
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    us = psutil.Process()
    told = {
        "tasks": len(asyncio.all_tasks()),
        "descriptors": us.num_fds(),
        "threads": us.num_threads(),
        "mb": us.memory_info().rss / 2**20,
    }
    return JSONResponse(told)


class Shared(VideoStreamTrack):
    """One viewer's track: the same pictures for all."""

    def __init__(self, pictures: list[av.VideoFrame]) -> None:
        super().__init__()
        self._pictures = pictures
        self._number = 0
        self._began = time.monotonic()

    async def recv(self) -> av.VideoFrame:
        """The next, at 25 a second."""
        self._number += 1
        await asyncio.sleep(max(0.0, self._began + self._number / FPS - time.monotonic()))
        told = self._pictures[self._number % KEPT]
        image = told.reformat(format="yuv420p")
        image.pts, image.time_base = self._number * 3600, VIDEO_TIME_BASE
        return image


async def theirs(clip: str) -> None:
    """aiortc, as its examples have it."""
    pictures, peers = decoded(clip), []

    async def join(request: Request) -> Response:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peers.append(peer)
        peer.addTrack(Shared(pictures))
        offer = RTCSessionDescription((await request.body()).decode(), "offer")
        await peer.setRemoteDescription(offer)
        await peer.setLocalDescription()
        return Response(peer.localDescription.sdp, 201, media_type="application/sdp")

    await served([Route("/whep/a", join, methods=["POST"])])
    await asyncio.gather(*(peer.close() for peer in peers))


async def served(routes: list[Route]) -> None:
    """Until the input ends."""
    async with serving("127.0.0.1:0", routes, dict, CollectorRegistry()) as address:
        print(address, flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def only_decoded(clip: str) -> None:
    """One decoder, for comparison."""
    packets = coded(clip)
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    at_pace(lambda number, _: decoder.decode(av.Packet(packets[number % len(packets)].data)))
    print("http://nowhere", flush=True)
    await asyncio.to_thread(sys.stdin.read)


async def main(mode: str, clip: str, nodes: str = "0") -> None:
    """See the module."""
    if mode == "vp8":
        await theirs(clip)
    elif mode == "decode":
        await only_decoded(clip)
    else:
        await ours(mode, clip, int(nodes))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
