"""Recordings asked for over HTTP."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import av
import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from sinks.sink import Delivery
from sinks.viewers import EVERYBODY, Viewer
from tests.factory import detections
from tests.sinks.record.clips import Recording, clip, later, said

WHEN = "detect.person > 0"
OFTEN = {"mode": "both", "segment_s": 2, "post_s": 0}


@pytest.fixture
async def recorded(tmp_path: Path) -> AsyncIterator[Recording]:
    """Three files, an event in the second, the third still being written."""
    async with Recording(tmp_path, when=WHEN, **OFTEN) as recording:
        recording.push(clip(75))
        await recording.sink.write([Delivery(said(60, {"detect": detections()}), ("detect",))])
    again = Recording(tmp_path, when=WHEN, **OFTEN)
    await again.sink.open()
    again.push(later(clip(100, 100), 60))
    await asyncio.to_thread(again.sink.recorder.flush)
    yield again
    await again.sink.close()


@pytest.fixture
async def client(recorded: Recording) -> AsyncIterator[httpx.AsyncClient]:
    async with visitor(recorded) as one:
        yield one


def visitor(recording: Recording, viewer: Viewer = EVERYBODY) -> httpx.AsyncClient:
    """Somebody whom the server in front has let in."""
    app = Starlette(routes=list(recording.sink.routes()))

    async def let_in(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"viewer": viewer}
        await app(scope, receive, send)

    transport = httpx.ASGITransport(let_in)
    return httpx.AsyncClient(transport=transport, base_url="http://framewire")


async def listed(client: httpx.AsyncClient, query: str = "") -> list[dict[str, object]]:
    answer = await client.get(f"/api/recordings{query}")
    assert answer.status_code == 200
    segments: list[dict[str, object]] = answer.json()["segments"]
    return segments


async def test_what_there_is_is_listed(client: httpx.AsyncClient) -> None:
    first, second, third = await listed(client)
    assert first["id"] == "a-20250601T120000-000000"
    assert first["file"] == "/recordings/a-20250601T120000-000000.mp4"
    assert (first["start"], first["end"]) == (
        "2025-06-01T12:00:00.000000Z",
        "2025-06-01T12:00:02.000000Z",
    )
    assert first["events"] == []
    at = "2025-06-01T12:00:02.400000Z"
    assert second["events"] == [{"start": at, "end": at, "pts": 2.4}]
    assert third["end"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?stream=a", 3),
        ("?after=2025-06-01T12:00:02.5Z", 2),
        ("?before=2025-06-01T12:00:30Z", 2),
        ("?after=2025-06-01T12:00:02.5Z&before=2025-06-01T14:00:30%2B02:00", 1),
    ],
)
async def test_it_is_found_by_stream_and_by_time(
    client: httpx.AsyncClient, query: str, found: int
) -> None:
    assert len(await listed(client, query)) == found


async def test_a_video_comes_whole_and_in_parts(client: httpx.AsyncClient) -> None:
    path = (await listed(client))[0]["file"]
    whole = await client.get(f"{path}")
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    with av.open(io.BytesIO(whole.content)) as file:
        assert sum(1 for _ in file.decode(video=0)) == 50
    part = await client.get(f"{path}", headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert part.content == whole.content[100:200]
    beyond = await client.get(f"{path}", headers={"Range": "bytes=999999999-"})
    assert beyond.status_code == 416


async def test_a_video_can_be_seen_while_it_is_written(client: httpx.AsyncClient) -> None:
    path = (await listed(client))[2]["file"]
    whole = await client.get(f"{path}")
    assert whole.headers["cache-control"] == "no-store"
    assert len(whole.content) == int(whole.headers["content-length"])
    with av.open(io.BytesIO(whole.content)) as file:
        assert sum(1 for _ in file.decode(video=0)) > 50


async def test_what_was_said_comes_as_cues(client: httpx.AsyncClient) -> None:
    first, second, _ = await listed(client)
    track = await client.get(f"/recordings/{second['id']}.vtt")
    assert track.headers["content-type"] == "text/vtt; charset=utf-8"
    assert '00:00:00.400 --> 00:00:00.440\n{"node":"detect","seq":60' in track.text
    assert (await client.get(f"/recordings/{first['id']}.vtt")).text == "WEBVTT\n"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/recordings/../../etc/passwd.mp4", 404),
        ("/recordings/..%2f..%2fetc%2fpasswd.mp4", 404),
        ("/recordings/%2e%2e.mp4", 404),
        ("/recordings/a-20250601T120000-000001.mp4", 404),
        ("/recordings/a-20250601T120000-000001.vtt", 404),
        ("/recordings/index.sqlite3", 404),
        (f"/recordings/{'a' * 5000}.mp4", 404),
        ("/api/recordings?stream=nobody", 404),
        ("/api/recordings?after=yesterday", 400),
        ("/api/recordings?after=2025-06-01T12:00:00", 400),
        (f"/api/recordings?before={'9' * 5000}", 400),
    ],
)
async def test_what_cannot_be_asked_for_is_told(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert len(answer.content) < 200


async def test_of_two_sinks_one_shows_its_recordings(tmp_path: Path) -> None:
    assert Recording(tmp_path, serve=False).sink.routes() == ()


async def test_recordings_of_other_streams_are_not_shown(recorded: Recording) -> None:
    other = Recording(recorded.folder.parent, stream="b")
    async with visitor(other) as client:
        assert await listed(client) == []
        answer = await client.get("/recordings/a-20250601T120000-000000.mp4")
        assert answer.status_code == 404


async def test_who_may_not_see_a_stream_finds_none_of_its_recordings(recorded: Recording) -> None:
    async with visitor(recorded, Viewer("guest", "viewer", frozenset({"b"}))) as client:
        assert await listed(client) == []
        for path in (
            "/api/recordings?stream=a",
            "/recordings/a-20250601T120000-000000.mp4",
            "/recordings/a-20250601T120000-000000.vtt",
        ):
            assert (await client.get(path)).status_code == 404
