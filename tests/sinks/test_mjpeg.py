"""Live pictures for old clients, over real HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import cv2
import httpx
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from pipeline.server import serving
from sinks.mjpeg import MjpegOptions, MjpegSink
from sinks.sink import SinkContext
from tests.factory import delivery, detections, frame_of, grey_frame
from tests.sinks.webrtc.pages import visiting


@asynccontextmanager
async def shown(
    *streams: str, **options: object
) -> AsyncIterator[tuple[MjpegSink, httpx.AsyncClient]]:
    """A sink, and somebody who looks at it."""
    sink = MjpegSink(MjpegOptions.model_validate(options), SinkContext("page", streams or ("a",)))
    await sink.open()
    async with (
        serving("127.0.0.1:0", sink.routes(), dict, CollectorRegistry()) as address,
        httpx.AsyncClient(base_url=address, timeout=10) as client,
    ):
        yield sink, client
    await sink.close()


async def pictures(response: httpx.Response) -> AsyncIterator[tuple[dict[str, str], bytes]]:
    """The parts of a multipart response: head and body."""
    have = b""
    async for chunk in response.aiter_raw():
        have += chunk
        while (end := have.find(b"\r\n\r\n")) >= 0:
            rows = have[:end].decode().split("\r\n")
            head = dict(row.split(": ", 1) for row in rows if ": " in row)
            size = int(head["Content-Length"])
            if len(have) < end + 4 + size:
                break
            yield head, have[end + 4 : end + 4 + size]
            have = have[end + 4 + size :]


def grey_of(jpeg: bytes) -> int:
    return round(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).mean())


async def test_a_snapshot_is_the_latest_picture() -> None:
    async with shown() as (sink, client):
        for seq in (0, 1):
            await sink.write([delivery(grey_frame(seq, grey=90), "capture")])
        answer = await client.get("/streams/a.jpg")
        same = await client.get("/streams/a/snapshot.jpg")
    assert same.content == answer.content
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    assert grey_of(answer.content) == 90


async def test_before_the_first_picture_a_snapshot_says_to_come_again() -> None:
    async with shown() as (_, client):
        answer = await client.get("/streams/a.jpg")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "path",
    [
        "/streams/b.jpg",
        "/streams/b.mjpeg",
        "/streams/../a.jpg",
        "/streams/%2e%2e%2f%2e%2e%2fetc%2fpasswd.jpg",
        "/streams/a.jpg%00.jpg",
        "/streams/..%2fmjpeg.py",
        "/streams/.jpg",
        "/streams/b/snapshot.jpg",
    ],
)
async def test_what_is_not_there_is_404(path: str) -> None:
    async with shown() as (sink, client):
        await sink.write([delivery(grey_frame(0), "capture")])
        assert (await client.get(path)).status_code == 404


async def test_pictures_go_on_as_they_come() -> None:
    async with shown(max_fps=100) as (sink, client):
        await sink.write([delivery(grey_frame(0, grey=50), "capture")])
        async with client.stream("GET", "/streams/a.mjpeg") as response:
            assert response.headers["content-type"].startswith("multipart/x-mixed-replace")
            seen = []
            async for head, jpeg in pictures(response):
                seen.append((int(head["X-Framewire-Seq"]), grey_of(jpeg)))
                assert sink.counts()["viewers"] == 1
                if len(seen) == 5:
                    break
                before = sink.feeds["a"].number
                while sink.feeds["a"].number == before:
                    seq = len(seen)
                    frame = grey_frame(seq, grey=50 + 20 * seq)
                    await sink.write([delivery(frame, "capture")])
                    await asyncio.sleep(0)
        assert sink.counts()["sent_bytes_total"] > 1000
    assert seen == [(0, 50), (1, 70), (2, 90), (3, 110), (4, 130)]


async def test_nothing_is_encoded_while_nobody_looks_and_once_for_many_who_do() -> None:
    async with shown() as (sink, client):
        for seq in range(50):
            await sink.write([delivery(grey_frame(seq), "capture")])
        assert sink.feeds["a"].encoded == 0
        answers = await asyncio.gather(*(client.get("/streams/a.jpg") for _ in range(8)))
        assert {answer.status_code for answer in answers} == {200}
        assert sink.feeds["a"].encoded == 1


async def test_one_who_does_not_read_holds_up_nobody() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    async with shown(max_fps=120, quality=95) as (sink, client):
        port = client.base_url.port
        _, lazy = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        lazy.write(b"GET /streams/a.mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await sink.write([delivery(frame_of(noise, 0), "capture")])
        longest, seen = 0.0, []
        async with client.stream("GET", "/streams/a.mjpeg") as response:
            async for head, _ in pictures(response):
                seen.append(int(head["X-Framewire-Seq"]))
                if len(seen) == 30:  # about 40 MB: more than sockets hold
                    break
                before = sink.feeds["a"].number
                while sink.feeds["a"].number == before:
                    began = time.perf_counter()
                    await sink.write([delivery(frame_of(noise, seen[-1] + 1), "capture")])
                    longest = max(longest, time.perf_counter() - began)
                    await asyncio.sleep(0)
            assert sink.counts()["viewers"] == 2
        assert seen == list(range(30))
        assert longest < 0.1
        lazy.close()


async def test_the_page_lists_the_streams_and_has_no_scripts() -> None:
    async with shown("lobby", "<b>") as (sink, client):
        page = await client.get(sink.address())
    assert page.headers["content-type"].startswith("text/html")
    assert (
        '<a href="streams/lobby.mjpeg"><img src="streams/lobby.jpg" alt="">lobby</a>' in page.text
    )
    assert "&lt;b&gt;</a>" in page.text
    assert "<b>" not in page.text
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "script" not in policy


async def test_results_are_drawn_on_the_pictures() -> None:
    async with shown() as (sink, client):
        frame = grey_frame(0, width=640, height=480, results={"detect": detections()})
        await sink.write([delivery(frame, "detect")])
        answer = await client.get("/streams/a.jpg")
    pixels = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(pixels.astype(int) - 128).max() > 50
    assert grey_of(answer.content) != 0


async def test_a_browser_shows_the_list_and_the_stream_that_a_link_leads_to() -> None:
    async with shown("a", "b", "late") as (sink, client):
        await sink.write([delivery(grey_frame(0, name), "capture") for name in "ab"])
        async with visiting(str(client.base_url)) as visit:
            drawn = "[...document.images].map(image => image.naturalWidth)"
            assert await visit.page.evaluate(drawn) == [640, 640, 0]
            named = await visit.page.get_by_role("link").all_inner_texts()
            assert named == ["a", "b", "late"]
            assert [line for line in visit.complaints if "503" not in line] == []
            await visit.page.get_by_role("link", name="b").click(no_wait_after=True)
            await visit.page.wait_for_url("**/streams/b.mjpeg", wait_until="commit")
            seq = 0
            while await visit.page.evaluate("document.images[0]?.naturalWidth") != 640:
                seq += 1  # Chromium shows what it has opened by itself when the next part comes
                await sink.write([delivery(grey_frame(seq, "b"), "capture")])
