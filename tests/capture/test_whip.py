"""A stream that is published to us, by a real WebRTC peer over loopback."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction

import av
import pytest
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.mediastreams import AudioStreamTrack

from stages.capture.options import CaptureOptions
from stages.capture.testcard import Card
from stages.capture.whip import BadOffer, Publisher, Taken, WhipSource
from stages.errors import SourceLost
from stages.frame import Frame
from stages.lane import Lane
from stages.source import Demand
from tests.capture.listener import Listener
from tests.capture.reading import counters
from tests.servers.film import video_frame

NOBODY_ASKED = RTCConfiguration(iceServers=[])
SIZE = (320, 240)


class CardTrack(VideoStreamTrack):
    """The test card, 25 a second."""

    def __init__(self) -> None:
        super().__init__()
        self._card = Card(*SIZE)
        self._number = itertools.count()

    async def recv(self) -> av.VideoFrame:
        pts, base = await self.next_timestamp()
        number = next(self._number)
        frame = video_frame(self._card.planes(number), number, 25)
        frame.pts, frame.time_base = pts, Fraction(base)
        return frame


def source_of(**keys: object) -> tuple[WhipSource, Listener]:
    options = CaptureOptions.model_validate({"source": "whip", **keys})
    lane, tap = Lane(), Listener()
    lane.attach(tap)
    return WhipSource("a", options, Demand(), lane), tap


async def offer_of(peer: RTCPeerConnection) -> str:
    await peer.setLocalDescription(await peer.createOffer())
    return peer.localDescription.sdp


@asynccontextmanager
async def publishing(source: WhipSource, *, sound: bool = False) -> AsyncIterator[Publisher]:
    peer = RTCPeerConnection(NOBODY_ASKED)
    peer.addTrack(CardTrack())
    if sound:
        peer.addTrack(AudioStreamTrack())
    publisher = await source.publish(await offer_of(peer))
    await peer.setRemoteDescription(RTCSessionDescription(publisher.answer, "answer"))
    try:
        yield publisher
    finally:
        await peer.close()
        await publisher.close()


async def frames_of(source: WhipSource, count: int) -> list[Frame]:
    def read() -> list[Frame]:
        frames = source.frames()
        try:
            return list(itertools.islice(frames, count))
        finally:
            frames.close()  # type: ignore[attr-defined]

    return await asyncio.to_thread(read)


@pytest.mark.parametrize("sound", [False, True])
async def test_what_is_published_becomes_frames_in_order(sound: bool) -> None:
    source, tap = source_of()
    async with publishing(source, sound=sound):
        frames = await frames_of(source, 20)
    numbers = counters(frames)
    assert None not in numbers
    assert numbers == sorted(set(numbers))  # type: ignore[type-var]
    assert [frame.seq for frame in frames] == list(range(20))
    assert all(b.pts > a.pts for a, b in itertools.pairwise(frames))
    assert frames[0].picture.size == SIZE
    assert tap.codings == [None]
    assert tap.frames == frames


async def test_one_publishes_at_a_time_and_the_next_goes_on_where_the_last_ended() -> None:
    source, _ = source_of(stall_s=0.5)
    async with publishing(source):
        before = await frames_of(source, 3)
        with pytest.raises(Taken):
            await source.publish("v=0")
    with pytest.raises(SourceLost):
        await frames_of(source, 1000)
    async with publishing(source):
        after = await frames_of(source, 3)
    assert after[0].seq > before[-1].seq
    assert after[0].pts > before[-1].pts


async def test_an_offer_that_is_understood_and_cannot_be_answered_is_refused() -> None:
    source, _ = source_of()
    peer = RTCPeerConnection(NOBODY_ASKED)
    peer.addTrack(CardTrack())
    peer.createDataChannel("said")
    offer = (await peer.createOffer()).sdp
    await peer.close()
    with pytest.raises(BadOffer, match="wanted SDP that can be answered, got AttributeError"):
        await source.publish(offer.replace("m=application", "m=applicatication"))
    async with publishing(source):  # nobody publishes meanwhile
        assert len(await frames_of(source, 1)) == 1


async def test_an_offer_that_is_none_is_refused_and_leaves_the_stream_free() -> None:
    source, _ = source_of()
    for offer in ("", "v=0", "hello\r\n", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"):
        with pytest.raises(BadOffer):
            await source.publish(offer)
    without_video = RTCPeerConnection(NOBODY_ASKED)
    without_video.addTrack(AudioStreamTrack())
    with pytest.raises(BadOffer, match="wanted a video track"):
        await source.publish(await offer_of(without_video))
    await without_video.close()
    async with publishing(source):
        assert len(await frames_of(source, 1)) == 1


async def test_pictures_that_are_too_large_are_counted_and_are_no_sign_of_life() -> None:
    source, _ = source_of(max_width=160, max_height=160, stall_s=2)
    async with publishing(source):
        with pytest.raises(SourceLost):
            await frames_of(source, 1)
    assert source.stats.counts["too_large"] > 0


async def test_servers_are_asked_only_if_they_are_named() -> None:
    """A STUN server of ours hears the question, and says nothing."""
    asked = asyncio.Event()

    class Stun(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            asked.set()

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Stun, ("0.0.0.0", 0))
    port = transport.get_extra_info("sockname")[1]
    source, _ = source_of(ice_servers=[{"urls": f"stun:127.0.0.1:{port}"}])
    peer = RTCPeerConnection(NOBODY_ASKED)
    peer.addTrack(CardTrack())
    answering = asyncio.create_task(source.publish(await offer_of(peer)))
    async with asyncio.timeout(10):
        await asked.wait()
        publisher = await answering
    await publisher.close()
    await peer.close()
    transport.close()
