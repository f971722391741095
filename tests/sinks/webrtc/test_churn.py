"""Nothing is left of viewers who have come and gone, whatever way they went and when."""

import asyncio
import gc
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpSendParameters
from aiortc.rtcsctptransport import HeartbeatChunk

from sinks.webrtc.sender import close
from sinks.webrtc.session import Session
from tests.sinks.webrtc.conftest import Cinema
from tests.sinks.webrtc.peer import Peer, offer

SILENCE_S = 45  # ICE asks six times, five seconds apart, whether a viewer is still there
OURS = ("Connection.", "RTC", "FanOut", "Session.")

EARLIER: list[object] = []
SOCKETS = [0]


def going_on() -> set[str]:
    """Tasks of sessions and their connections."""
    names = {getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()}
    return {name for name in names if name.startswith(OURS)}


def datagram_sockets() -> int:
    """Those of this process."""
    ours = set()
    for one in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the folder itself
            ours.add(str(one.readlink()))
    lines = [*Path("/proc/net/udp").read_text().splitlines()[1:]]
    lines += Path("/proc/net/udp6").read_text().splitlines()[1:]
    return sum(f"socket:[{line.split()[9]}]" in ours for line in lines)


def held() -> list[object]:
    """Every session and every peer connection that anybody has."""
    return [one for one in gc.get_objects() if isinstance(one, (Session, RTCPeerConnection))]


@pytest.fixture(autouse=True)
def earlier() -> None:
    """What other tests have left is not of ours."""
    gc.collect()
    EARLIER[:] = held()
    SOCKETS[:] = [datagram_sockets()]


async def gone(cinema: Cinema, within: float = 15) -> None:
    """Wait until nobody is known, and see that nothing of them is left."""
    async with asyncio.timeout(within):
        while len(cinema.viewers) or cinema.viewers._closing or going_on():
            await cinema.shown()
    gc.collect()
    assert [one for one in held() if not any(one is other for other in EARLIER)] == []
    assert datagram_sockets() <= SOCKETS[0]
    assert cinema.film.watched == 0


async def knock(cinema: Cinema, chance: Random) -> None:
    """Come straight to the viewers, with little patience on their side, and go at some moment."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver("video", direction="recvonly")
    peer.createDataChannel("overlay", ordered=False, maxRetransmits=0)
    await peer.setLocalDescription(await peer.createOffer())
    session, answer = await cinema.viewers.join("a", peer.localDescription.sdp.encode())
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    asyncio.get_running_loop().call_later(chance.uniform(0, 0.5), session._end, "enough")
    del session
    while len(cinema.viewers):
        await cinema.shown()
    await close(peer)


async def test_nothing_is_left_of_those_who_say_goodbye_or_hang_up(cinema: Cinema) -> None:
    for goodbye in (True, False):
        async with Peer(cinema.client) as peer:
            assert await peer.number() is not None
            if goodbye:
                await cinema.client.delete(peer.place)
            await close(peer.connection)
        del peer
    await gone(cinema)


async def test_nothing_is_left_of_who_only_offers(cinema: Cinema) -> None:
    cinema.viewers._patience = 0.1
    for _ in range(3):
        answer = await cinema.client.post(
            "/whep/a", content=await offer(), headers={"content-type": "application/sdp"}
        )
        assert answer.status_code == 201
    await gone(cinema)


async def test_nothing_is_left_of_who_is_sent_away_while_connecting(cinema: Cinema) -> None:
    failed: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: failed.append(about))
    chance = Random(1)
    for _ in range(8):
        await asyncio.gather(*(knock(cinema, chance) for _ in range(5)))
    await gone(cinema)
    assert failed == []


async def test_nothing_begins_on_a_connection_that_is_closed() -> None:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    video = peer.addTransceiver("video", direction="sendonly")
    await close(peer)
    # As aiortc does when DTLS completes while the sockets are being closed.
    codec = RTCRtpCodecParameters("video/H264", clockRate=90000, payloadType=97)
    await video.sender.send(RTCRtpSendParameters(codecs=[codec]))
    assert going_on() == set()
    await close(peer)


async def test_what_is_still_said_to_who_has_gone_is_no_failure(cinema: Cinema) -> None:
    async with Peer(cinema.client) as peer:
        assert await peer.number() is not None
        (session,) = [one for one in gc.get_objects() if isinstance(one, Session) and one.connected]
        sctp = session._peer.sctp
        assert sctp is not None
        await session.close()
        assert sctp.transport.state == "closed"
        await sctp._send_chunk(HeartbeatChunk())  # as a timer of aiortc's does, which nobody awaits


@pytest.mark.slow
async def test_nothing_is_left_of_who_vanishes(cinema: Cinema) -> None:
    async with Peer(cinema.client) as peer:
        assert await peer.number() is not None
        way = peer.video.receiver.transport.transport

        async def swallow(_: bytes) -> None:
            """A network that is gone."""

        way._send = swallow
        await close(peer.connection)
    del peer, way
    await gone(cinema, SILENCE_S)
