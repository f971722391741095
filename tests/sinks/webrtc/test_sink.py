"""The sink as a whole: what it sends of which stream, and what it says about itself."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from models.results import Veil
from pipeline.server import serving
from sinks.sink import GraphNode, SinkContext
from sinks.webrtc.codecs import capabilities
from sinks.webrtc.options import WebrtcOptions
from sinks.webrtc.overlay_message import rtp_timestamp
from sinks.webrtc.sink import WebrtcSink
from stages.capture.ice import IceServer
from stages.capture.testcard import Card
from stages.events import Event
from stages.faces.face3d import Face3dOptions
from stages.lane import Coding, Lane
from stages.picture import Picture
from stages.stage import Options
from stages.zones import ZonesOptions
from tests.factory import FPS, card_frame, delivery, detections, frame_of, grey_frame
from tests.sinks.webrtc.conftest import playing
from tests.sinks.webrtc.film import Film
from tests.sinks.webrtc.peer import SDP, Peer, offer

H264 = Coding("h264", (320, 192))


@asynccontextmanager
async def shown(
    context: SinkContext, **options: object
) -> AsyncIterator[tuple[WebrtcSink, httpx.AsyncClient]]:
    """A sink, and somebody at its door."""
    sink = WebrtcSink(WebrtcOptions.model_validate(options), context)
    await sink.open()
    async with (
        serving("127.0.0.1:0", sink.routes(), dict, CollectorRegistry()) as address,
        httpx.AsyncClient(base_url=address, timeout=10) as client,
    ):
        yield sink, client
        await sink.close()


def of_camera(*streams: str) -> tuple[SinkContext, dict[str, Lane]]:
    lanes = {stream: Lane() for stream in streams or ("a",)}
    detect = GraphNode("detect", ("capture",), tuple(lanes), Options())
    return SinkContext("view", tuple(lanes), lanes=lanes, inputs=("capture", "detect"),
                       graph={"detect": detect}), lanes  # fmt: skip


async def test_packets_pass_through_as_they_came_and_results_come_beside_them() -> None:
    context, lanes = of_camera()
    film = Film()
    async with shown(context) as (sink, client):
        lanes["a"].open(H264)
        film.attach(lanes["a"].push)
        async with playing(film), Peer(client) as peer:
            number = await peer.number()
            assert number is not None
            await peer.until(lambda: len(peer.messages) > 0)
            frame = grey_frame(number, results={"detect": detections((0.5, 0.25, 1.0, 0.75))})
            await sink.write([delivery(frame, "detect")])
            await peer.until(lambda: any(m.said for m in peer.messages))
            said = next(m for m in peer.messages if m.said)
            assert (said.rtp, said.seq) == (rtp_timestamp(number / FPS), number)
            assert said.said["detect"].kind == "detections"
            assert said.said["detect"].data["boxes"] == [[0.5, 0.25, 1.0, 0.75]]
            told = (await client.get("/api/viewer")).json()
            (stream,) = told["streams"]
            assert (stream["path"], stream["codec"], stream["viewers"]) == (
                "passthrough",
                "h264",
                1,
            )
            assert stream["encoder"] is None
            assert stream["size"] == [320, 192]
            assert stream["connected"]
            assert stream["nodes"] == ["detect"]
            assert told["graph"]["nodes"] == [
                {"name": "detect", "kind": "detect", "inputs": ["capture"]}
            ]
            counts = sink.counts()
            assert counts["viewers"] == 1
            assert counts["sent_bytes_total"] > 100 * counts["sent_pictures_total"] > 0
        assert sink.counts()["sent_bytes_total"] >= counts["sent_bytes_total"]


@pytest.mark.parametrize(
    ("sps", "answered"),
    [("42c01f", "42e01f"), ("42001f", "42001f"), ("4d0028", "4d001f"), ("640032", "64001f")],
)
async def test_the_answer_names_the_profile_that_the_camera_sends(sps: str, answered: str) -> None:
    context, lanes = of_camera()
    sets = b"\0\0\0\1\x67" + bytes.fromhex(sps) + b"\x99\0\0\0\1\x68\xce"
    lanes["a"].open(Coding("h264", (320, 192), sets))
    capabilities("h264")  # from then on aiortc offers all profiles too
    async with shown(context) as (_, client):
        answer = await client.post("/whep/a", content=await offer(), headers=SDP)
        assert answer.status_code == 201
        first = answer.text[answer.text.index("profile-level-id=") :]
        assert first.startswith(f"profile-level-id={answered}")
        await client.delete(answer.headers["location"])


@pytest.mark.parametrize(
    ("coding", "why"),
    [
        (None, "pictures, not packets"),
        (Coding("hevc", (320, 192)), "sends hevc"),
        (Coding("h264", (320, 192), reorders=True), "B-frames"),
    ],
)
async def test_what_browsers_cannot_take_is_encoded_once(coding: Coding | None, why: str) -> None:
    context, lanes = of_camera()
    async with shown(context) as (sink, client):
        lanes["a"].open(coding)
        (stream,) = (await client.get("/api/viewer")).json()["streams"]
        assert (stream["path"], stream["encoder"]) == ("encode", None)
        assert why in stream["why"]
        async with Peer(client) as one, Peer(client) as two, showing(lanes["a"]):
            for peer in (one, two):
                assert await peer.number() is not None
            (stream,) = (await client.get("/api/viewer")).json()["streams"]
            assert stream["encoder"] == "x264"
        assert sink._streams["a"].video.encoded <= 500


@asynccontextmanager
async def showing(lane: Lane) -> AsyncIterator[None]:
    """Pictures of a card, at a camera's pace."""
    over, card = asyncio.Event(), Card(320, 192)

    async def run() -> None:
        number = 0
        while not over.is_set():
            await asyncio.to_thread(lane.show, card_frame(card, number))
            number += 1
            try:
                await asyncio.wait_for(over.wait(), 1 / FPS)
            except TimeoutError:
                continue

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        over.set()
        await task


async def test_a_guarded_stream_is_never_sent_as_it_came() -> None:
    context = SinkContext("view", ("a",), guards={"a": ("privacy",)}, inputs=("privacy",))
    veiled = Veil(
        boxes=np.array([[0, 0, 1, 1]], np.float32), whole=False, how="pixelate", strength=1.0
    )
    white = np.full((192, 320, 3), 40, np.uint8)
    white[80:112, 140:180] = 255
    async with shown(context) as (sink, client):
        (stream,) = (await client.get("/api/viewer")).json()["streams"]
        assert stream["path"] == "encode"
        assert "privacy may hide" in stream["why"]
        async with Peer(client) as peer:
            seen, task = asyncio.Event(), asyncio.create_task(peer.video.receiver.track.recv())
            task.add_done_callback(lambda _: seen.set())
            seq = 0
            while not seen.is_set():
                said = {"privacy": veiled} if seq % 2 else {}
                frame = frame_of(white, seq, results=said)
                await sink.write([delivery(frame, *said)])
                seq += 1
                try:
                    await asyncio.wait_for(seen.wait(), 1 / FPS)
                except TimeoutError:
                    continue
            picture = (await task).to_ndarray(format="gray")
            assert picture.max() < 235  # white only where a pixelated block has mixed it


async def test_the_sink_waits_for_pictures_only_where_it_draws() -> None:
    assert WebrtcSink.mode_for(WebrtcOptions(), guarded=False) == "each"
    assert WebrtcSink.mode_for(WebrtcOptions(), guarded=True) == "frame"
    assert WebrtcSink.mode_for(WebrtcOptions(burn=True), guarded=False) == "frame"


async def test_burned_in_results_are_in_the_picture() -> None:
    context, _ = of_camera()
    async with shown(context, burn=True) as (sink, client):
        async with Peer(client) as peer:
            task = asyncio.create_task(peer.video.receiver.track.recv())
            seq = 0
            while not task.done():
                frame = frame_of(np.full((192, 320, 3), 128, np.uint8), seq,
                                 results={"detect": detections()})  # fmt: skip
                await sink.write([delivery(frame, "detect")])
                seq += 1
                await asyncio.wait({task}, timeout=1 / FPS)
            picture = (await task).to_ndarray(format="bgr24")
            assert np.abs(picture.astype(int) - 128).max() > 50
            assert all(not message.said for message in peer.messages)


async def test_a_snapshot_is_decoded_only_when_somebody_asks() -> None:
    context, lanes = of_camera()
    film = Film()
    async with shown(context) as (_, client):
        answer = await client.get("/streams/b/snapshot.jpg")
        assert answer.status_code == 404
        lanes["a"].open(H264)
        film.attach(lanes["a"].push)
        for _ in range(10):
            film.step()
        answer = await client.get("/streams/a/snapshot.jpg")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/jpeg"
        pixels = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
        from stages.capture.testcard import read_counter

        assert read_counter(Picture.from_bgr(np.asarray(pixels, np.uint8))) == 9


async def test_a_snapshot_shows_results_where_pictures_come_from_the_graph() -> None:
    context, _ = of_camera()
    async with shown(context) as (sink, client):
        frame = grey_frame(0, width=640, height=480, results={"detect": detections()})
        await sink.write([delivery(frame, "detect")])
        answer = await client.get("/streams/a/snapshot.jpg")
        pixels = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
        assert np.abs(pixels.astype(int) - 128).max() > 50


async def test_events_come_as_they_happen_the_last_hundred_first() -> None:
    context, _ = of_camera()
    async with shown(context) as (sink, client):
        for number in range(150):
            await sink.announce(Event("zone.entered", "zones", {"number": number}))
        async with client.stream("GET", "/api/events") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            heard: list[tuple[str, int]] = []
            name = ""
            async for line in response.aiter_lines():
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    heard.append((name, json.loads(line[6:])["detail"]["number"]))
                    if len(heard) == 100:
                        await sink.announce(Event("line.crossed", "zones", {"number": 1000}))
                if len(heard) == 101:
                    break
        assert heard[0] == ("zone.entered", 50)
        assert heard[-1] == ("line.crossed", 1000)


async def test_a_stream_that_is_lost_is_said_to_be() -> None:
    context, lanes = of_camera("a", "b")
    async with shown(context) as (sink, client):
        for lane in lanes.values():
            lane.open(H264)
        await sink.announce(Event("source.lost", "b"))
        streams = (await client.get("/api/viewer")).json()["streams"]
        assert [stream["connected"] for stream in streams] == [True, False]
        await sink.announce(Event("source.back", "b"))
        streams = (await client.get("/api/viewer")).json()["streams"]
        assert [stream["connected"] for stream in streams] == [True, True]


async def test_the_page_knows_the_zones_and_the_ice_servers() -> None:
    context, _ = of_camera()
    zones = GraphNode("zones", ("detect",), ("a",), ZonesOptions.model_validate(
        {"areas": {"door": [[0, 0], [1, 0], [1, 1]]}}))  # fmt: skip
    context = SinkContext("view", ("a",), graph={**context.graph, "zones": zones})
    servers = [{"urls": "turn:192.0.2.1:3478", "username": "u", "credential": "c"}]
    async with shown(context, ice_servers=servers) as (_, client):
        told = (await client.get("/api/viewer")).json()
        assert "door" in told["zones"]["zones"]["areas"]
        assert told["ice"] == [
            {"urls": ["turn:192.0.2.1:3478"], "username": "u", "credential": "c"}
        ]


@pytest.mark.parametrize(
    "url",
    ["http://x", "stun:", "turn:user@host", "stun:a b", "", "turn:[::1]", "turn:a:b",
     "turns:a?transport=udp", "stun:a?transport=udp", 'turn:a">'],
)  # fmt: skip
def test_an_ice_server_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="wanted stun:HOST:PORT"):
        WebrtcOptions.model_validate({"ice_servers": [{"urls": url, "secret": "s"}]})


@pytest.mark.parametrize("keys", [
    {}, {"username": "u"}, {"credential": "c"}, {"username": "u", "credential": ""},
    {"secret": "s", "username": "u", "credential": "c"}, {"secret": ""},
])  # fmt: skip
def test_a_turn_server_has_a_password_or_a_secret(keys: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="wanted username and credential, or secret"):
        WebrtcOptions.model_validate({"ice_servers": [{"urls": "turn:192.0.2.1", **keys}]})


def test_what_is_made_from_a_secret_ends_within_the_hour() -> None:
    """That a server takes it is seen with a real one, in test_turn.py."""
    told = IceServer(urls=("turn:192.0.2.1",), secret="north").told()
    ends, _, name = told["username"].partition(":")
    assert 3590 < int(ends) - time.time() <= 3600
    assert name == "framewire"
    assert "secret" not in told


@pytest.mark.parametrize(
    "path",
    [
        "/view/../sink.py",
        "/view/..%2fsink.py",
        "/view/%2e%2e/%2e%2e/registry.py",
        "/view//etc/passwd",
        "/view/none.js",
        "/view/index.html%00",
        "/streams/../snapshot.jpg",
        "/streams/%2e%2e%2fa/snapshot.jpg",
        "/streams/a/b/snapshot.jpg",
    ],
)
async def test_what_is_not_there_is_404(path: str) -> None:
    context, _ = of_camera()
    async with shown(context) as (_, client):
        assert (await client.get(path)).status_code == 404


async def test_shapes_are_given_by_the_names_that_a_face3d_node_writes(tmp_path: Path) -> None:
    context, _ = of_camera("a", "b")
    folder = tmp_path / "faces"
    node = GraphNode("face3d", ("detect",), ("a",), Face3dOptions(folder=Path("faces")))
    context = replace(context, folder=tmp_path, graph={**context.graph, "shape": node})
    folder.mkdir()
    for name in ("a-00000007-0.glb", "b-00000007-0.glb", "a-00000007-0.obj"):
        (folder / name).write_bytes(b"glTF")
    (tmp_path / "a-00000001-0.glb").write_bytes(b"glTF")
    async with shown(context) as (_, client):
        answer = await client.get("/streams/a/shapes/a-00000007-0.glb")
        assert (answer.status_code, answer.content) == (200, b"glTF")
        assert answer.headers["content-type"] == "model/gltf-binary"
        for path in (
            "a/shapes/a-00000008-0.glb", "a/shapes/b-00000007-0.glb", "b/shapes/b-00000007-0.glb",
            "a/shapes/a-00000007-0.obj", "a/shapes/..%2Fa-00000001-0.glb",
            "c/shapes/c-00000007-0.glb",
        ):  # fmt: skip
            assert (await client.get(f"/streams/{path}")).status_code == 404, path


async def test_shapes_of_a_guarded_stream_are_not_shown_since_they_have_the_faces_colours(
    tmp_path: Path,
) -> None:
    context, _ = of_camera("a")
    node = GraphNode("face3d", ("detect",), ("a",), Face3dOptions(folder=Path()))
    context = replace(
        context, folder=tmp_path, graph={**context.graph, "shape": node}, guards={"a": ("veil",)}
    )
    (tmp_path / "a-00000007-0.glb").write_bytes(b"glTF")
    async with shown(context) as (_, client):
        assert (await client.get("/streams/a/shapes/a-00000007-0.glb")).status_code == 404
