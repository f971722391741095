"""What WHEP answers: to players, and to those who send something else."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from sinks.webrtc.sender import close
from tests.sinks.webrtc.conftest import Cinema
from tests.sinks.webrtc.peer import SDP, Peer, offer

FRAGMENT = {"content-type": "application/trickle-ice-sdpfrag"}
CANDIDATE = "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"


async def post(cinema: Cinema, body: str | bytes, place: str = "/whep/a") -> httpx.Response:
    return await cinema.client.post(place, content=body, headers=SDP)


async def test_an_answer_is_whole(cinema: Cinema) -> None:
    async with Peer(cinema.client) as peer:
        assert peer.place.startswith("/whep/a/")
        assert "a=candidate:" in peer.answer
        assert "a=sendonly" in peer.answer
        assert "packetization-mode=1" in peer.answer
        assert "profile-level-id=42" in peer.answer
        assert "VP8" not in peer.answer
        assert "stun" not in peer.answer
        assert " srflx " not in peer.answer


async def test_options_say_what_is_taken(cinema: Cinema) -> None:
    answer = await cinema.client.options("/whep/a")
    assert answer.status_code == 204
    assert answer.headers["accept-post"] == "application/sdp"
    answer = await cinema.client.options("/whep/a/any")
    assert answer.status_code == 204
    assert answer.headers["accept-patch"] == "application/trickle-ice-sdpfrag"


async def test_candidates_may_come_later(cinema: Cinema) -> None:
    async with Peer(cinema.client) as peer:
        fragment = f"a=ice-ufrag:x\r\na=ice-pwd:y\r\nm=video 9 X 0\r\na=mid:0\r\n{CANDIDATE}\r\n"
        answer = await cinema.client.patch(peer.place, content=fragment, headers=FRAGMENT)
        assert (answer.status_code, answer.content) == (204, b"")
        end = "a=mid:0\r\na=end-of-candidates\r\n"
        answer = await cinema.client.patch(peer.place, content=end, headers=FRAGMENT)
        assert answer.status_code == 204
        name = "a=candidate:1 1 udp 1 f8a1b2c3-0000-4000-8000-000000000000.local 5000 typ host"
        answer = await cinema.client.patch(peer.place, content=name, headers=FRAGMENT)
        assert answer.status_code == 204


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "begins with v=0"),
        (b"hello", "begins with v=0"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"v=0\r\n", "one video, got 0"),
        (b"v=0\r\nm=video\r\n", "offer"),
        (b"v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF x\r\n", "offer"),
        (b"v=0\r\n" + b"m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 10, "at most 4 media"),
        (b"v=0\r\n" + b"a=x\r\n" * 2000, "at most 1000 lines"),
        (b"v=0\r\n" + b"a=rtpmap:96 X/90000\r\n" * 500, "at most 256 codecs"),
        (b"v=0\r\n" + CANDIDATE.encode() * 1 + (b"\r\n" + CANDIDATE.encode()) * 500, "at most 64"),
    ],
)
async def test_what_is_no_offer_is_refused(cinema: Cinema, body: bytes, says: str) -> None:
    answer = await post(cinema, body)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]
    assert len(cinema.viewers) == 0


async def test_every_line_of_an_offer_may_be_missing(cinema: Cinema) -> None:
    lines = (await offer()).split("\r\n")
    for index in range(len(lines)):
        answer = await post(cinema, "\r\n".join([*lines[:index], *lines[index + 1 :]]))
        assert answer.status_code in {201, 400, 406}, lines[index]
        if answer.status_code == 201:
            await cinema.client.delete(answer.headers["location"])
    assert len(cinema.viewers) == 0


@pytest.mark.parametrize(
    ("line", "other", "says"),
    [
        ("a=group:BUNDLE 0", "a=group:BUNDLE 7 0", "wanted groups of"),  # found by `make fuzz`
        ("a=group:BUNDLE 0", "a=group:BUNDLE 0 7", "wanted groups of"),
        ("a=group:BUNDLE 0", "a=group:LS 7", "wanted groups of"),
        ("m=application", "m=applicatication", "wanted media of audio, video, application"),
        ("a=mid:1", "a=mid:0", "wanted another mid for each media"),
    ],
)
async def test_an_offer_whose_parts_do_not_fit_is_refused(
    cinema: Cinema, line: str, other: str, says: str
) -> None:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver("video", direction="recvonly")
    peer.createDataChannel("overlay")
    sdp = (await peer.createOffer()).sdp
    await peer.close()
    assert line in sdp
    answer = await post(cinema, sdp.replace(line, other, 1))
    assert answer.status_code == 400
    assert says in answer.json()["detail"]
    assert len(cinema.viewers) == 0


async def test_an_offer_that_only_wants_to_hear_or_send_is_refused(cinema: Cinema) -> None:
    assert "one video" in (await post(cinema, await offer("audio"))).json()["detail"]
    sending = (await offer()).replace("a=recvonly", "a=sendonly")
    assert "recvonly" in (await post(cinema, sending)).json()["detail"]


async def test_a_fingerprint_that_nobody_can_check_is_none(cinema: Cinema) -> None:
    answer = await post(cinema, (await offer()).replace("a=fingerprint:sha-", "a=fingerprint:md-"))
    assert answer.status_code == 400
    assert "wanted a fingerprint (sha-256" in answer.json()["detail"]


async def test_a_browser_without_a_codec_of_ours_is_told_so(cinema: Cinema) -> None:
    answer = await post(cinema, (await offer()).replace("H264/", "H265/").replace("VP8/", "VP9/"))
    assert answer.status_code == 406
    assert "wanted h264 with packetization-mode 1, or vp8" in answer.json()["detail"]
    assert "h265, vp9" in answer.json()["detail"]


async def test_a_huge_offer_is_not_read(cinema: Cinema) -> None:
    async def ten_megabytes() -> AsyncIterator[bytes]:
        for _ in range(10 * 16):
            yield b"v=0\r\n".ljust(1 << 16, b"x")

    began = time.perf_counter()
    answer = await cinema.client.post("/whep/a", content=ten_megabytes(), headers=SDP)
    assert answer.status_code == 413
    assert "wanted at most" in answer.json()["detail"]
    assert time.perf_counter() - began < 5
    assert len(cinema.viewers) == 0


async def test_an_offer_that_never_ends_is_not_waited_for(
    cinema: Cinema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinks.webrtc.whep.BODY_S", 0.2)
    over = asyncio.Event()

    async def for_ever() -> AsyncIterator[bytes]:
        yield b"v=0\r\n"
        await over.wait()

    asking = asyncio.create_task(cinema.client.post("/whep/a", content=for_ever(), headers=SDP))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(asking), 0.5)
    over.set()
    assert (await asking).status_code == 408


@pytest.mark.parametrize("kind", ["", "text/plain", "application/sdpx", "multipart/form-data"])
async def test_another_type_is_refused(cinema: Cinema, kind: str) -> None:
    answer = await cinema.client.post("/whep/a", content=b"v=0", headers={"content-type": kind})
    assert answer.status_code == 415
    assert "wanted application/sdp" in answer.json()["detail"]


async def test_what_is_not_there_is_404(cinema: Cinema) -> None:
    good = await offer()
    for place in ("/whep/b", "/whep/..", "/whep/%2e%2e%2fa", "/whep/a%00"):
        assert (await post(cinema, good, place)).status_code in {404, 405}
    for place in ("/whep/a/nobody", "/whep/b/nobody"):
        assert (await cinema.client.delete(place)).status_code == 404
        answer = await cinema.client.patch(place, content=CANDIDATE, headers=FRAGMENT)
        assert answer.status_code == 404


async def test_a_session_is_known_by_its_stream_too(cinema: Cinema) -> None:
    async with Peer(cinema.client) as peer:
        name = peer.place.rsplit("/", 1)[1]
        assert (await cinema.client.delete(f"/whep/b/{name}")).status_code == 404
        assert len(cinema.viewers) == 1


async def test_another_method_is_405(cinema: Cinema) -> None:
    assert (await cinema.client.get("/whep/a")).status_code == 405
    assert (await cinema.client.put("/whep/a/x", content=b"")).status_code == 405


async def test_ten_thousand_candidates_are_refused(cinema: Cinema) -> None:
    async with Peer(cinema.client) as peer:
        many = "\r\n".join([CANDIDATE] * 10_000)
        answer = await cinema.client.patch(peer.place, content=many, headers=FRAGMENT)
        assert answer.status_code == 413
        codes = []
        for round_ in range(10):
            few = "\r\n".join(
                CANDIDATE.replace("5000", f"{6000 + 9 * round_ + n}") for n in range(9)
            )
            answer = await cinema.client.patch(peer.place, content=few, headers=FRAGMENT)
            codes.append(answer.status_code)
        assert codes[0] == 204
        assert codes[-1] == 400
        assert "at most 64" in answer.json()["detail"]
        assert await peer.number() is not None  # and the session lives


@pytest.mark.parametrize(
    "body", ["hello", "a=candidate:x", "a=candidate:1 1 udp x 192.0.2.1 5000 typ host", "\xff" * 9]
)
async def test_what_is_no_fragment_is_refused(cinema: Cinema, body: str) -> None:
    async with Peer(cinema.client) as peer:
        answer = await cinema.client.patch(
            peer.place, content=body.encode("latin1"), headers=FRAGMENT
        )
        assert answer.status_code == 400


async def test_only_so_many_may_watch(cinema: Cinema) -> None:
    good = await offer()
    places = [(await post(cinema, good)).headers["location"] for _ in range(5)]
    answer = await post(cinema, good)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "10"
    await cinema.client.delete(places[0])
    assert (await post(cinema, good)).status_code == 201


async def test_who_never_connects_is_forgotten(cinema: Cinema) -> None:
    cinema.viewers._patience = 0.1
    assert (await post(cinema, await offer())).status_code == 201
    async with asyncio.timeout(5):
        while len(cinema.viewers):
            await cinema.shown()
    assert cinema.film.watched == 0


async def test_nothing_goes_on_of_who_leaves_while_connecting(cinema: Cinema) -> None:
    for pictures in range(4):
        async with Peer(cinema.client) as peer:
            for _ in range(pictures):
                await cinema.shown()
            assert (await cinema.client.delete(peer.place)).status_code == 200
            await close(peer.connection)
    await cinema.shown()
    going_on = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}
    assert not {name for name in going_on if name.startswith(("Connection.", "RTC", "FanOut"))}
