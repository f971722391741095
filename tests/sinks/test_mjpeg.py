"""The page with the live pictures, over real HTTP."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from pipeline.server import serving
from sinks.mjpeg import MjpegOptions, MjpegSink
from sinks.sink import SinkContext
from tests.factory import delivery, detections, frame_of, grey_frame
from tests.sinks.browser import Page, browser

PAGE = Path(__file__).parents[2] / "sinks" / "page"


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
        "/page/../mjpeg.py",
        "/page/..%2fmjpeg.py",
        "/page/page.html",
        "/page//etc/passwd",
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
                if len(seen) == 5:
                    break
                before = sink.board.feeds["a"].number
                while sink.board.feeds["a"].number == before:
                    seq = len(seen)
                    frame = grey_frame(seq, grey=50 + 20 * seq)
                    await sink.write([delivery(frame, "capture")])
                    await asyncio.sleep(0)
    assert seen == [(0, 50), (1, 70), (2, 90), (3, 110), (4, 130)]


async def test_one_connection_carries_all_streams() -> None:
    async with shown("a", "b") as (sink, client):
        await sink.write([delivery(grey_frame(0, name), "capture") for name in "ab"])
        async with client.stream("GET", "/streams.mjpeg") as response:
            found = set()
            async for head, _ in pictures(response):
                found.add(head["X-Framewire-Stream"])
                assert sink.counts()["viewers"] == 1
                if found == {"a", "b"}:
                    break
        assert sink.counts()["sent_bytes_total"] > 1000


async def test_nothing_is_encoded_while_nobody_looks_and_once_for_many_who_do() -> None:
    async with shown() as (sink, client):
        for seq in range(50):
            await sink.write([delivery(grey_frame(seq), "capture")])
        assert sink.board.feeds["a"].encoded == 0
        answers = await asyncio.gather(*(client.get("/streams/a.jpg") for _ in range(8)))
        assert {answer.status_code for answer in answers} == {200}
        assert sink.board.feeds["a"].encoded == 1


async def test_one_who_does_not_read_holds_up_nobody() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    async with shown(max_fps=120, quality=95) as (sink, client):
        port = client.base_url.port
        _, lazy = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        lazy.write(b"GET /streams/a.mjpeg HTTP/1.1\r\nHost: here\r\n\r\n")
        await sink.write([delivery(frame_of(noise, 0), "capture")])
        longest, seen = 0.0, []
        async with client.stream("GET", "/streams/a.mjpeg") as response:
            async for head, _ in pictures(response):
                seen.append(int(head["X-Framewire-Seq"]))
                if len(seen) == 30:  # about 40 MB: more than sockets hold
                    break
                before = sink.board.feeds["a"].number
                while sink.board.feeds["a"].number == before:
                    began = time.perf_counter()
                    await sink.write([delivery(frame_of(noise, seen[-1] + 1), "capture")])
                    longest = max(longest, time.perf_counter() - began)
                    await asyncio.sleep(0)
        assert seen == list(range(30))
        assert longest < 0.1
        lazy.close()


async def test_streams_are_listed_with_the_age_of_their_pictures() -> None:
    async with shown("a", "b") as (sink, client):
        await sink.write([delivery(grey_frame(7, "a"), "capture")])
        first, second = (await client.get("/streams.json")).json()["streams"]
    assert (first["name"], first["seq"]) == ("a", 7)
    assert first["age_ms"] >= 0
    assert second == {"name": "b", "seq": None, "age_ms": None}


async def test_the_page_names_its_streams_and_lets_nothing_in_from_elsewhere() -> None:
    async with shown("lobby", "gate") as (sink, client):
        page = await client.get("/")
        parts = [await client.get(f"/page/{name}") for name in ("page.css", "page.js")]
        assert sink.address() == "/"
    assert 'data-streams="lobby gate"' in page.text
    assert 'href="streams/gate.mjpeg"' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert [part.headers["content-type"].split(";")[0] for part in parts] == [
        "text/css",
        "text/javascript",
    ]


def test_the_page_names_no_other_host() -> None:
    for file in PAGE.iterdir():
        hosts = set(re.findall(r"(?:https?:)?//([\w.-]+\.[a-z]+)", file.read_text("utf-8")))
        assert hosts <= {"www.w3.org"}, file.name


async def test_results_are_drawn_on_the_pictures() -> None:
    async with shown() as (sink, client):
        frame = grey_frame(0, width=640, height=480, results={"detect": detections()})
        await sink.write([delivery(frame, "detect")])
        answer = await client.get("/streams/a.jpg")
    pixels = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(pixels.astype(int) - 128).max() > 50
    assert grey_of(answer.content) != 0


STATES = "[...document.querySelectorAll('.tile')].map(tile => tile.dataset.state).join(' ')"


def reaches(states: str) -> str:
    """A script that waits until the tiles are in these states, and says in which they are."""
    return f"""new Promise(done => {{
        const began = performance.now();
        const look = () => {{
            const now = {STATES};
            if (now === "{states}" || performance.now() - began > 20000) done(now);
            else setTimeout(look, 50);
        }};
        look();
    }})"""


async def test_a_browser_shows_what_is_live_and_marks_what_has_stopped() -> None:
    binary = browser()
    if binary is None:
        pytest.skip("needs the Debian package chromium, for a real browser")
    async with shown("a", "b", "c") as (sink, client):
        running, over = {"a", "b"}, asyncio.Event()

        async def film() -> None:
            seq = 0
            while not over.is_set():
                frames = [grey_frame(seq, name, grey=200) for name in sorted(running)]
                await sink.write([delivery(frame, "capture") for frame in frames])
                seq += 1
                with suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), 1 / 25)  # a camera's pace

        filming = asyncio.create_task(film())
        page = Page(binary, str(client.base_url))
        try:
            await asyncio.to_thread(page.__enter__)
            assert await asyncio.to_thread(page.run, reaches("live live waiting")) == (
                "live live waiting"
            )
            running.discard("b")
            assert await asyncio.to_thread(page.run, reaches("live stale waiting")) == (
                "live stale waiting"
            )
            mark = "document.querySelectorAll('.mark')[1].textContent"
            assert str(await asyncio.to_thread(page.run, mark)).startswith("No new picture for")
            said = "document.getElementById('news').textContent"
            assert await asyncio.to_thread(page.run, said) == "b: the picture has stopped"
            running.add("b")
            assert await asyncio.to_thread(page.run, reaches("live live waiting")) == (
                "live live waiting"
            )
            named = "document.querySelector('canvas').getAttribute('aria-label')"
            assert await asyncio.to_thread(page.run, named) == "Picture of a"
        finally:
            await asyncio.to_thread(page.__exit__)
            over.set()
            await filming
