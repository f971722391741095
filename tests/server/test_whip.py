"""Publishing over WHIP: an aiortc peer and real browsers send, and frames come out."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from pipeline.server import serving
from pipeline.whip import Whip
from stages.capture.whip import WhipSource
from stages.frame import Frame
from tests.capture.test_whip import NOBODY_ASKED, CardTrack, frames_of, offer_of, source_of
from tests.servers.turn import TurnServer
from tests.sinks.browser import Page, browser
from tests.sinks.firefox import Firefox, firefox

SDP = {"Content-Type": "application/sdp"}
BLANK = "<!doctype html><title>sender</title>"

# A canvas whose colour is the number of its picture, published as a camera would be; only through
# the servers that the answer to OPTIONS names, if there are any.
SEND = """(async () => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 320, height: 240});
  const pen = canvas.getContext('2d');
  let number = 0;
  setInterval(() => {
    pen.fillStyle = number++ % 2 ? 'rgb(250,0,0)' : 'rgb(0,0,250)';
    pen.fillRect(0, 0, 320, 240);
  }, 40);
  const {headers} = await fetch('/whip/studio', {method: 'OPTIONS'});
  const link = /<([^>]+)>; rel="ice-server"; username="([^"]*)"; credential="([^"]*)"/g;
  const iceServers = [...(headers.get('Link') ?? '').matchAll(link)]
    .map(([, urls, username, credential]) => ({urls, username, credential}));
  const iceTransportPolicy = iceServers.length ? 'relay' : 'all';
  const peer = new RTCPeerConnection({iceServers, iceTransportPolicy});
  window.peer = peer;
  for (const track of canvas.captureStream(25).getTracks()) {
    peer.addTransceiver(track, {direction: 'sendonly'});
  }
  await peer.setLocalDescription();
  const answer = await fetch('/whip/studio', {
    method: 'POST', headers: {'Content-Type': 'application/sdp'}, body: peer.localDescription.sdp,
  });
  const where = answer.headers.get('Location');
  peer.onicecandidate = ({candidate}) => candidate && fetch(where, {
    method: 'PATCH', headers: {'Content-Type': 'application/trickle-ice-sdpfrag'},
    body: `a=mid:${candidate.sdpMid}\\r\\na=${candidate.candidate}\\r\\n`,
  });
  await peer.setRemoteDescription({type: 'answer', sdp: await answer.text()});
  window.where = where;
  return answer.status;
})()"""
LEAVE = "fetch(window.where, {method: 'DELETE'}).then(answer => answer.status)"


async def blank(request: Request) -> Response:
    return HTMLResponse(BLANK)


@asynccontextmanager
async def house(source: WhipSource) -> AsyncIterator[str]:
    """A server whose stream `studio` is that source."""
    whip = Whip({"studio": source})
    routes = [*whip.routes(), Route("/", blank)]
    async with (
        aclosing(whip),
        serving("127.0.0.1:0", routes, dict, CollectorRegistry()) as address,
    ):
        yield address


@asynccontextmanager
async def at_the_door() -> AsyncIterator[tuple[WhipSource, httpx.AsyncClient]]:
    source, _ = source_of(stall_s=3)
    async with house(source) as address, httpx.AsyncClient(base_url=address) as client:
        yield source, client


@asynccontextmanager
async def a_peer() -> AsyncIterator[RTCPeerConnection]:
    peer = RTCPeerConnection(NOBODY_ASKED)
    yield peer
    await peer.close()


async def publish(client: httpx.AsyncClient, peer: RTCPeerConnection) -> httpx.Response:
    peer.addTrack(CardTrack())
    return await client.post("/whip/studio", content=await offer_of(peer), headers=SDP)


async def test_a_publisher_comes_is_seen_and_goes() -> None:
    async with at_the_door() as (source, client), a_peer() as one, a_peer() as other:
        answer = await publish(client, one)
        assert answer.status_code == 201
        assert answer.headers["content-type"] == "application/sdp"
        await one.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        assert len(await frames_of(source, 5)) == 5
        assert (await publish(client, other)).status_code == 409
        where = answer.headers["location"]
        assert (await client.delete(where)).status_code == 200
        assert (await client.delete(where)).status_code == 404
        async with a_peer() as next_one:
            assert (await publish(client, next_one)).status_code == 201


@pytest.mark.parametrize(
    ("path", "body", "kind", "status"),
    [
        ("/whip/nobody", "v=0", "application/sdp", 404),
        ("/whip/studio", "v=0", "text/plain", 415),
        ("/whip/studio", "hello", "application/sdp", 400),
        ("/whip/studio", "v=0\r\n", "application/sdp", 400),
        ("/whip/studio", "v=0\r\n" + "a=x\r\n" * 100_000, "application/sdp", 413),
    ],
)
async def test_who_cannot_be_understood_is_refused(
    path: str, body: str, kind: str, status: int
) -> None:
    async with at_the_door() as (_, client):
        answer = await client.post(path, content=body, headers={"Content-Type": kind})
        assert answer.status_code == status
        assert "wanted" in answer.text


async def test_an_offer_to_watch_is_none_to_publish() -> None:
    async with at_the_door() as (_, client), a_peer() as peer:
        peer.addTransceiver("video", direction="recvonly")
        answer = await client.post("/whip/studio", content=await offer_of(peer), headers=SDP)
        assert answer.status_code == 400
        assert "wanted sendonly video" in answer.text


async def test_options_tell_what_is_taken() -> None:
    async with at_the_door() as (_, client):
        answer = await client.options("/whip/studio")
        assert answer.status_code == 204
        assert answer.headers["accept-post"] == "application/sdp"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "binary"),
    [(Page, browser()), (Firefox, firefox())],
    ids=["chromium", "firefox"],
)
async def test_a_browser_publishes(kind: type[Page | Firefox], binary: str | None) -> None:
    if binary is None:
        pytest.skip("needs the Debian packages chromium and firefox-esr, for real browsers")
    source, _ = source_of(stall_s=20)
    async with house(source) as address:
        frames, status = await asyncio.to_thread(_sent, kind(binary, address), source)
    assert status == (201, 200)
    assert all(b.pts > a.pts for a, b in itertools.pairwise(frames))
    colours = {_colour(frame) for frame in frames}
    assert colours == {"red", "blue"}


@pytest.mark.slow
async def test_chromium_publishes_through_a_turn_server_only(tmp_path: Path) -> None:
    binary = browser()
    if binary is None:
        pytest.skip("wanted Chromium to publish, got none on this machine")
    with TurnServer(tmp_path, "--use-auth-secret", "--static-auth-secret=S") as turn:
        source, _ = source_of(stall_s=20, ice_servers=[{"urls": turn.url(), "secret": "S"}])
        async with house(source) as address:
            frames, status = await asyncio.to_thread(_sent, Page(binary, address), source)
        assert status == (201, 200)
        assert {_colour(frame) for frame in frames} == {"red", "blue"}
        assert turn.allocated() >= 2  # ours and Chromium's


async def test_who_may_publish_is_told_the_ice_servers() -> None:
    server = {"urls": ["stun:192.0.2.1", "turn:192.0.2.1"], "username": 'a"b', "credential": "c"}
    source, _ = source_of(ice_servers=[server])
    async with house(source) as address, httpx.AsyncClient(base_url=address) as client:
        answer = await client.options("/whip/studio")
        assert answer.headers.get_list("link") == [
            '<stun:192.0.2.1>; rel="ice-server"',
            '<turn:192.0.2.1>; rel="ice-server"; username="a\\"b"; credential="c"; '
            'credential-type="password"',
        ]
        assert "link" not in (await client.options("/whip/nobody")).headers


def _sent(
    browsing: Page | Firefox, source: WhipSource
) -> tuple[list[Frame], tuple[object, object]]:
    with browsing as page:
        came = page.run(SEND)
        frames = source.frames()
        taken = list(itertools.islice(frames, 30))
        frames.close()  # type: ignore[attr-defined]
        return taken, (came, page.run(LEAVE))


def _colour(frame: Frame) -> str:
    blue, _, red = frame.picture.bgr[100:140, 100:140].reshape(-1, 3).mean(axis=0)
    return "red" if red > blue else "blue"
