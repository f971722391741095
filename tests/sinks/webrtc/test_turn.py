"""Viewers who reach us through a TURN server only: a real coturn, on loopback."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiortc import RTCIceServer
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from pipeline.server import serving
from sinks.webrtc.sender import UNSENT
from sinks.webrtc.viewers import Viewers
from sinks.webrtc.whep import Whep
from stages.capture.ice import GATHER_S, RELEASE_S, IceServer
from tests.servers.turn import CREDENTIALS, HOST, TurnServer
from tests.sinks.tls import certificate
from tests.sinks.webrtc.conftest import Cinema, playing
from tests.sinks.webrtc.film import Film
from tests.sinks.webrtc.peer import Peer
from tests.sinks.webrtc.test_churn import datagram_sockets, going_on

OURS, THEIRS = 1, 2  # relays: who offers has one for the video and one for the channel at first
SECRET = "what only the two of us know"


@asynccontextmanager
async def showing(**server: object) -> AsyncIterator[Cinema]:
    """A film, shown by who has this one ICE server."""
    film = Film()
    viewers = Viewers({"a": film}, [IceServer.model_validate(server)], most=30, patience_s=8.0)
    routes = Whep(lambda: viewers, lambda _request, _stream: True).routes()
    async with (
        serving(f"{HOST}:0", routes, dict, CollectorRegistry()) as address,
        httpx.AsyncClient(base_url=address, timeout=20) as client,
        playing(film),
    ):
        yield Cinema(film, viewers, client)
        await viewers.close()


async def watched(cinema: Cinema, server: RTCIceServer | None) -> list[int | None]:
    """The numbers of some pictures that a viewer sees who then says goodbye."""
    async with Peer(cinema.client, relay=server) as peer:
        seen = [await peer.number() for _ in range(5)]
        assert (await cinema.client.delete(peer.place)).status_code == 200
    return seen


def theirs(server: IceServer) -> RTCIceServer:
    """What a page is told of it, as aiortc takes it."""
    return RTCIceServer(**server.told())


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_viewer_sees_us_from_relay_to_relay(tmp_path: Path, transport: str) -> None:
    with TurnServer(tmp_path) as turn:
        server = {"urls": turn.url(transport), **CREDENTIALS}
        async with showing(**server) as cinema:
            seen = await watched(cinema, RTCIceServer(**server))
        assert seen == sorted(set(seen))
        assert turn.allocated() == OURS + THEIRS
        await asyncio.to_thread(turn.until_all_released)


async def test_a_viewer_sees_us_through_a_turn_server_with_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(certificate(tmp_path))
    arguments = ("--lt-cred-mech", "--user=u:p", f"--cert={file}", f"--pkey={file}")
    with TurnServer(tmp_path, *arguments) as turn:
        server = {"urls": f"turns:{HOST}:{turn.port}", "username": "u", "credential": "p"}
        with capture_logs() as log:
            async with showing(**server) as cinema:
                await watched(cinema, None)
        assert "CERTIFICATE_VERIFY_FAILED" in next(
            line["why"] for line in log if line["event"] == "no TURN"
        )
        monkeypatch.setenv("SSL_CERT_FILE", file)
        async with showing(**server) as cinema:
            assert len(await watched(cinema, RTCIceServer(**server))) == 5
        assert turn.allocated() == OURS + THEIRS


async def test_a_secret_becomes_credentials_that_coturn_takes(tmp_path: Path) -> None:
    with TurnServer(tmp_path, "--use-auth-secret", f"--static-auth-secret={SECRET}") as turn:
        server = IceServer(urls=(turn.url(),), secret=SECRET)
        told = server.told()
        assert SECRET not in str(told)
        assert SECRET not in repr(server)
        async with showing(urls=turn.url(), secret=SECRET) as cinema:
            assert len(await watched(cinema, theirs(server))) == 5
        assert turn.allocated() == OURS + THEIRS
        await asyncio.to_thread(turn.until_all_released)


async def test_wrong_credentials_are_told_and_viewers_nearby_see_us(tmp_path: Path) -> None:
    with TurnServer(tmp_path) as turn, capture_logs() as log:
        async with showing(urls=turn.url(), username="viewer", credential="guess") as cinema:
            assert len(await watched(cinema, None)) == 5
            assert len(await watched(cinema, None)) == 5
        told = [line for line in log if line["event"] == "no TURN"]
        assert [line["server"] for line in told] == [f"{HOST}:{turn.port}"]
        assert "401" in told[0]["why"]
        assert "guess" not in str(log)
        assert turn.allocated() == 0


@pytest.mark.slow
async def test_an_offer_is_answered_soon_though_the_server_is_silent(tmp_path: Path) -> None:
    with TurnServer(tmp_path) as turn:
        turn.freeze()
        for transport in ("udp", "tcp"):
            with capture_logs() as log:
                async with showing(urls=turn.url(transport), **CREDENTIALS) as cinema:
                    began = time.monotonic()
                    async with Peer(cinema.client) as peer:
                        assert time.monotonic() - began < GATHER_S + 2
                        for _ in range(30 * GATHER_S):
                            assert await peer.number() is not None
            told = [line for line in log if line["event"] == "no TURN"]
            assert [line["why"] for line in told] == [f"no answer in {GATHER_S} s"]


async def test_what_a_relay_does_not_take_is_known_to_wait(tmp_path: Path) -> None:
    """Else a slow viewer behind it is sent more than it takes, for ever, all of it in memory."""
    with TurnServer(tmp_path) as turn, TurnServer(tmp_path) as other:
        async with (
            showing(urls=turn.url("tcp"), **CREDENTIALS) as cinema,
            Peer(cinema.client, relay=RTCIceServer(other.url(), **CREDENTIALS)) as peer,
        ):
            assert await peer.number() is not None
            (session,) = cinema.viewers._sessions.values()
            way = session.sender._way
            turn.freeze()
            for _ in range(2**14):  # 64 KiB of waiting packets are many; the system takes megabytes
                way.send([bytes(1100)])
                await asyncio.sleep(0)
            assert way.unsent() > UNSENT
            began = time.monotonic()
            await cinema.client.delete(peer.place)
            assert time.monotonic() - began < RELEASE_S + 2


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_viewer_leaves_soon_though_the_server_has_gone_silent(
    tmp_path: Path, transport: str
) -> None:
    before = datagram_sockets()
    with TurnServer(tmp_path) as turn:
        async with showing(urls=turn.url(transport), **CREDENTIALS) as cinema:
            async with Peer(cinema.client) as peer:
                assert await peer.number() is not None
                assert turn.allocated() == 1
                turn.freeze()
                began = time.monotonic()
                await cinema.client.delete(peer.place)
                assert time.monotonic() - began < RELEASE_S + 2
            del peer
        assert going_on() == set()
        gc.collect()
        assert datagram_sockets() <= before


@pytest.mark.slow
async def test_nothing_is_held_after_many_have_come_and_gone(tmp_path: Path) -> None:
    before = datagram_sockets()
    with TurnServer(tmp_path) as turn:
        server = {"urls": turn.url(), **CREDENTIALS}
        async with showing(**server) as cinema:
            for number in range(10):
                server_of = RTCIceServer(**server)
                async with Peer(cinema.client, relay=server_of) as one, Peer(cinema.client) as two:
                    assert await one.number() is not None
                    assert await two.number() is not None
                    if number % 2:
                        await cinema.client.delete(one.place)
                del one, two
            async with asyncio.timeout(15):
                while len(cinema.viewers) or cinema.viewers._closing:
                    await cinema.shown()
            await asyncio.to_thread(turn.until_all_released)
        assert turn.allocated() == 10 * (OURS + THEIRS + OURS)
        assert going_on() == set()
        gc.collect()
        assert datagram_sockets() <= before
