"""One encode for many viewers: real peers over loopback."""

from itertools import pairwise

from aiortc.rtp import RTCP_PSFB_FIR, RTCP_PSFB_PLI

from sinks.webrtc.overlay_message import rtp_timestamp
from tests.factory import FPS
from tests.sinks.webrtc.conftest import Cinema
from tests.sinks.webrtc.peer import Peer


async def test_every_viewer_gets_the_same_pictures_under_the_stream_s_own_time(
    cinema: Cinema,
) -> None:
    async with Peer(cinema.client) as one, Peer(cinema.client) as two:
        for peer in (one, two):
            numbers = [await peer.number() for _ in range(20)]
            assert numbers == list(range(numbers[0], numbers[0] + 20))
            # The first may have waited for the connection: those are hurried.
            due = {rtp_timestamp(number / FPS) for number in numbers[10:]}
            assert due <= {rtp for rtp, _, _ in peer.packets}
            steps = {(b - a) & 0xFFFF for (_, a, _), (_, b, _) in pairwise(peer.packets)}
            assert steps == {1}
        broadcast = cinema.viewers.broadcasts["h264"]["a"]
        assert broadcast.packetised <= cinema.film.number
        assert one.packets[0][1] != two.packets[0][1]


async def test_a_viewer_s_plea_makes_a_keyframe(cinema: Cinema) -> None:
    async with Peer(cinema.client) as peer:
        await peer.number()
        for kind in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
            before = cinema.film.wanted
            count = len(cinema.film.keyframes)
            await peer.plead(kind)
            await peer.until(lambda count=count: len(cinema.film.keyframes) > count)
            assert cinema.film.wanted == before + 1


async def test_each_picture_is_announced_on_the_overlay_channel(cinema: Cinema) -> None:
    async with Peer(cinema.client) as peer:
        await peer.number()
        await peer.until(lambda: len(peer.messages) >= 5)
        for message in peer.messages:
            assert message.rtp == rtp_timestamp(message.pts)
            assert message.said == {}
        assert {m.rtp for m in peer.messages} <= {rtp for rtp, _, _ in peer.packets} | {
            rtp_timestamp(cinema.film.number / FPS)
        }


async def test_a_lost_packet_is_sent_again(cinema: Cinema) -> None:
    async with Peer(cinema.client) as peer:
        await peer.number()
        lost = peer.packets[-1][1]
        await peer.miss(lost)
        await peer.until(lambda: peer.again == [lost])


async def test_one_who_loses_packets_gets_them_again_and_harms_nobody(cinema: Cinema) -> None:
    async with Peer(cinema.client) as good, Peer(cinema.client, lose_every=10) as bad:
        begun = [await peer.number() for peer in (good, bad)]
        for seen in range(1, 50):
            assert await good.number() == begun[0] + seen
        await bad.until(lambda: len(bad.again) >= 5)
        assert await bad.number() is not None
        assert cinema.viewers.waste() == (0, 0)


async def test_who_leaves_is_let_go(cinema: Cinema) -> None:
    async with Peer(cinema.client) as peer:
        await peer.number()
        assert cinema.film.watched == 1
        assert (await cinema.client.delete(peer.place)).status_code == 200
        assert cinema.film.watched == 0
        assert len(cinema.viewers) == 0
        assert (await cinema.client.delete(peer.place)).status_code == 404


async def test_who_takes_no_h264_gets_vp8_encoded_once(cinema: Cinema) -> None:
    async with Peer(cinema.client, codec="vp8") as one, Peer(cinema.client, codec="vp8") as two:
        for peer in (one, two):
            assert "VP8/90000" in peer.answer
            numbers = [await peer.number() for _ in range(20)]
            assert numbers == sorted(set(numbers))  # a machine that is too slow leaves some out
            # The first may have waited for the connection: those are hurried.
            due = {rtp_timestamp(number / FPS) for number in numbers[10:]}
            assert due <= {rtp for rtp, _, _ in peer.packets}
            await peer.until(lambda peer=peer: len(peer.messages) > 0)
        assert cinema.film.watched == 1
        count = cinema.film.wanted
        await one.plead(RTCP_PSFB_PLI)
        await one.number()
        assert cinema.film.wanted == count  # VP8 makes its own
        async with Peer(cinema.client) as third:
            await third.number()
            assert cinema.film.watched == 2
        await cinema.client.delete(one.place)
        await cinema.client.delete(two.place)
        assert cinema.film.watched == 0
