"""Who may look, over WebRTC: streams, events, the end of a link, the audit log."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from pipeline.access.grants import Grant, Seal
from pipeline.whip import Whip
from sinks.sink import GraphNode, SinkContext
from sinks.webrtc.options import WebrtcOptions
from sinks.webrtc.sink import WebrtcSink
from stages.events import Event
from stages.lane import Coding, Lane
from stages.zones import ZonesOptions
from tests.access.house import ACCESS, PASSWORD, SECRET, House, bearer, house
from tests.capture.test_whip import source_of
from tests.sinks.webrtc.conftest import playing
from tests.sinks.webrtc.film import Film
from tests.sinks.webrtc.peer import Peer

AREAS = {"door": ((0.1, 0.1), (0.5, 0.1), (0.5, 0.5))}


@asynccontextmanager
async def cameras(folder: Path, **keys: object) -> AsyncIterator[tuple[House, WebrtcSink]]:
    """A lobby and a vault, shown over WebRTC behind the door."""
    lanes = {"lobby": Lane(), "vault": Lane()}
    film = Film()
    graph = {
        f"{name}-zones": GraphNode("zones", ("capture",), (name,), ZonesOptions(areas=AREAS))
        for name in lanes
    }
    context = SinkContext("view", tuple(lanes), lanes=lanes, graph=graph)
    sink = WebrtcSink(WebrtcOptions.model_validate(keys), context)
    await sink.open()
    for lane in lanes.values():
        lane.open(Coding("h264", (320, 192)))
        film.attach(lane.push)
    async with house(folder, sink.routes(), access=ACCESS) as here, playing(film):
        yield here, sink
        await sink.close()


def let_in(client: httpx.AsyncClient, lasts: float = 600, stream: str = "lobby") -> None:
    """From now on the client has a link for one stream."""
    grant = Grant("link", "guest", time.time() + lasts, "1", (stream,))
    client.headers.update(bearer(Seal(SECRET).sign(grant)))


async def test_a_guest_watches_one_stream_and_there_is_no_other(tmp_path: Path) -> None:
    async with cameras(tmp_path) as (here, _):
        offer = {"content": b"v=0\r\n", "headers": {"Content-Type": "application/sdp"}}
        assert (await here.client.post("/whep/lobby", **offer)).status_code == 401
        let_in(here.client)
        assert (await here.client.post("/whep/vault", **offer)).status_code == 404
        assert (await here.client.get("/streams/vault/snapshot.jpg")).status_code == 404
        about = (await here.client.get("/api/viewer")).json()
        assert [stream["name"] for stream in about["streams"]] == ["lobby"]
        assert list(about["zones"]) == ["lobby-zones"]
        async with Peer(here.client, "lobby") as peer:
            assert await peer.number() is not None
    events = [(line["event"], line["who"], line.get("stream")) for line in here.audit()]
    assert ("watch", "link:guest", "lobby") in events
    assert ("watched", "link:guest", "lobby") in events  # when the sink closes, at the latest


async def test_only_who_may_watch_is_told_the_turn_server(tmp_path: Path) -> None:
    servers = [{"urls": "turn:192.0.2.1", "username": "u", "credential": "c"}]
    async with cameras(tmp_path, ice_servers=servers) as (here, _):
        assert "link" not in (await here.client.options("/whep/lobby")).headers
        let_in(here.client, stream="elsewhere")
        assert (await here.client.get("/api/viewer")).json()["ice"] == []
        assert "link" not in (await here.client.options("/whep/lobby")).headers
        let_in(here.client)
        assert len((await here.client.get("/api/viewer")).json()["ice"]) == 1
        assert "link" not in (await here.client.options("/whep/vault")).headers
        link = (await here.client.options("/whep/lobby")).headers["link"]
        assert link.startswith('<turn:192.0.2.1>; rel="ice-server"; username="u"; ')


@pytest.mark.slow
async def test_a_session_ends_with_the_link(tmp_path: Path) -> None:
    async with cameras(tmp_path) as (here, _):
        let_in(here.client, lasts=6)
        async with Peer(here.client, "lobby") as peer:
            closed = asyncio.Event()
            peer.connection.on("connectionstatechange", closed.set)
            while peer.connection.connectionState != "closed":
                await asyncio.wait_for(closed.wait(), 20)
                closed.clear()
    assert [line["event"] for line in here.audit()] == ["watch", "watched"]


async def test_a_session_that_is_taken_down_is_no_longer_watched(tmp_path: Path) -> None:
    async with cameras(tmp_path) as (here, _):
        let_in(here.client)
        async with Peer(here.client, "lobby") as peer:
            assert (await here.client.delete(peer.place)).status_code == 200
            assert here.access.audit.path is not None
    assert [line["event"] for line in here.audit()] == ["watch", "watched"]


async def test_a_guest_hears_of_their_stream_only(tmp_path: Path) -> None:
    async with cameras(tmp_path) as (here, sink):
        let_in(here.client)
        await sink.announce(Event("source.lost", "vault"))
        await sink.announce(Event("source.lost", "lobby"))
        async with here.client.stream("GET", "/api/events") as events:
            lines = events.aiter_lines()
            heard = await until(lines, "lobby")
            await sink.announce(Event("source.back", "vault"))
            await sink.announce(Event("stage.removed", "detect"))
            await sink.announce(Event("source.back", "lobby"))
            heard += await until(lines, "source.back")
    assert "vault" not in heard
    assert "detect" not in heard


async def until(lines: AsyncIterator[str], word: str) -> str:
    """All lines up to one with a word in it."""
    heard = ""
    async for line in lines:
        heard += line
        if word in line and line.startswith("data"):
            break
    return heard


async def test_only_an_admin_publishes(tmp_path: Path) -> None:
    source, _ = source_of(stall_s=3)
    async with aclosing(Whip({"studio": source})) as whip:
        async with house(tmp_path, whip.routes(), access=ACCESS) as here:
            offer = {"content": b"v=0\r\n", "headers": {"Content-Type": "application/sdp"}}
            assert (await here.client.post("/whip/studio", **offer)).status_code == 401
            let_in(here.client)
            assert (await here.client.post("/whip/studio", **offer)).status_code == 403
            assert (await here.client.delete("/whip/studio/any")).status_code == 403
            here.client.headers.pop("Authorization")
            admin = httpx.BasicAuth("anna", PASSWORD)
            assert (await here.client.post("/whip/studio", auth=admin, **offer)).status_code == 400
    refused = [line["what"] for line in here.audit() if line["event"] == "refused"]
    assert refused == ["publish studio", "publish studio"]
