"""HLS as players meet it: over real HTTP, with a reader that is not ours."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import av
import httpx
import pytest
from prometheus_client import CollectorRegistry

from pipeline.server import serving
from sinks.restream import RestreamOptions, RestreamSink
from sinks.restream.hls import Hls
from sinks.restream.routes import HlsRoutes
from sinks.restream.segments import Segmenter
from sinks.restream.shelf import Shelf
from sinks.sink import SinkContext
from sinks.video import Encoding, Video
from stages.capture.testcard import read_counter
from stages.lane import Coding, Lane, Packet
from stages.picture import Picture
from tests.sinks.browser import Page, browser
from tests.sinks.restream.feed import SIZE, Camera, film
from tests.sinks.test_video import card_frame


@asynccontextmanager
async def served(**options: object) -> AsyncIterator[tuple[httpx.AsyncClient, Lane]]:
    """A stream "a", of whatever is pushed into its lane, and somebody who asks for it."""
    lane = Lane()
    lane.open(Coding("h264", SIZE))
    sink = RestreamSink(
        RestreamOptions.model_validate({"to": "hls", "keyframe_s": 1.0, **options}),
        SinkContext("hls", ("a",), lanes={"a": lane}),
    )
    await sink.open()
    async with (
        serving("127.0.0.1:0", sink.routes(), dict, CollectorRegistry()) as address,
        httpx.AsyncClient(base_url=f"{address}/streams/a/", timeout=20) as client,
    ):
        yield client, lane
    await sink.close()


def hls_of(video: Video, idle_s: float = 60.0) -> Hls:
    return Hls("a", video, Shelf(6, 1_000_000), Segmenter(1.0, 0.2), idle_s=idle_s)


def push(lane: Lane, packets: Iterable[Packet]) -> None:
    for packet in packets:
        lane.push(packet)


def parts(text: str) -> list[str]:
    return re.findall(r'#EXT-X-PART:.*URI="([^"]+)"', text)


def hint(text: str) -> str:
    found = re.search(r'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]+)"', text)
    assert found is not None
    return found[1]


async def test_a_player_sees_every_picture_at_its_time() -> None:
    def play(url: str) -> list[tuple[int | None, float | None]]:
        seen: list[tuple[int | None, float | None]] = []
        with av.open(url, "r") as container:
            for frame in container.decode(video=0):
                seen.append((read_counter(Picture.from_av(frame)), frame.time))
                if len(seen) == 100:
                    break
        return seen

    async with served(segments=100) as (client, lane):
        with Camera(lane, film(2000)):
            seen = await asyncio.to_thread(play, f"{client.base_url}index.m3u8")
    first = seen[0][0]
    assert first is not None
    assert [number for number, _ in seen] == [*range(first, first + 100)]
    assert [pts for _, pts in seen] == pytest.approx(
        [number / 25 for number in range(first, first + 100)], abs=1e-4
    )


PLAY = """(async () => {
  const video = document.createElement("video");
  video.muted = true;
  video.src = "/streams/a/index.m3u8";
  document.body.append(video);
  await video.play();
  const began = video.currentTime;
  while (video.currentTime < began + 2) {
    if (video.error) return video.error.message;
    await new Promise((done) => setTimeout(done, 50));
  }
  return [video.videoWidth, video.videoHeight];
})()"""


@pytest.mark.slow
@pytest.mark.skipif(browser() is None, reason="needs Chromium")
async def test_chromium_plays_it() -> None:
    def look(address: str) -> object:
        with Page(browser() or "", f"{address}/healthz") as page:
            if not page.run('document.createElement("video").canPlayType("application/x-mpegurl")'):
                pytest.skip("this Chromium does not play HLS by itself")
            return page.run(PLAY)

    async with served() as (client, lane):
        packets = film(2000)
        push(lane, (next(packets) for _ in range(90)))
        with Camera(lane, packets, speed=1):
            address = str(client.base_url).removesuffix("/streams/a/")
            assert await asyncio.to_thread(look, address) == [160, 96]


async def test_a_playlist_is_kept_back_until_it_holds_what_was_asked_for() -> None:
    async with served() as (client, lane):
        packets = film(200)
        push(lane, (next(packets) for _ in range(80)))
        now = await client.get("index.m3u8")
        assert now.headers["content-type"] == "application/vnd.apple.mpegurl"
        assert now.headers["cache-control"] == "no-store"
        asked = {"_HLS_msn": 3, "_HLS_part": 2}
        later = asyncio.create_task(client.get("index.m3u8", params=asked))
        push(lane, (next(packets) for _ in range(6)))
        early = await client.get("index.m3u8", params={"_HLS_msn": 3, "_HLS_part": 1})
        assert not later.done()
        assert len(parts(early.text)) == 15 + 2
        push(lane, (next(packets) for _ in range(5)))
        assert len(parts((await later).text)) == 15 + 3


async def test_a_whole_segment_can_be_waited_for() -> None:
    async with served() as (client, lane):
        packets = film(200)
        push(lane, (next(packets) for _ in range(80)))
        later = asyncio.create_task(client.get("index.m3u8", params={"_HLS_msn": 3}))
        await client.get("index.m3u8")
        push(lane, (next(packets) for _ in range(30)))
        assert (await later).text.count("#EXTINF") == 4


async def test_a_part_that_the_segment_does_not_have_is_the_first_of_the_next() -> None:
    async with served() as (client, lane):
        push(lane, film(106))
        asked = {"_HLS_msn": 2, "_HLS_part": 99}
        assert (await client.get("index.m3u8", params=asked)).status_code == 200


async def test_the_part_that_comes_next_can_be_asked_for_before_it_is_there() -> None:
    async with served() as (client, lane):
        packets = film(200)
        push(lane, (next(packets) for _ in range(98)))
        last = {"_HLS_msn": 3, "_HLS_part": 3}  # that is whole: the next lacks its end
        name = hint((await client.get("index.m3u8", params=last)).text)
        coming = asyncio.create_task(client.get(name))
        await client.get("index.m3u8")
        assert not coming.done()
        push(lane, (next(packets) for _ in range(10)))
        answer = await coming
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "video/mp4"
        assert name in parts((await client.get("index.m3u8")).text)
        assert answer.content == (await client.get(name)).content


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("_HLS_msn=99", "_HLS_msn: wanted at most 5 now, got 99"),
        ("_HLS_part=1", "_HLS_part: wanted _HLS_msn beside it"),
        ("_HLS_msn=-1", "_HLS_msn: wanted a number from 0 on, got '-1'"),
        ("_HLS_msn=1e9", "_HLS_msn: wanted a number from 0 on, got '1e9'"),
        ("_HLS_msn=1&_HLS_part=" + "9" * 5000, "_HLS_part: wanted a number from 0 on, got"),
    ],
)
async def test_what_nobody_can_ask_for_is_400(query: str, why: str) -> None:
    async with served() as (client, lane):
        push(lane, film(90))
        await client.get("index.m3u8")
        answer = await client.get(f"index.m3u8?{query}")
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith(why)


@pytest.mark.parametrize(
    "path",
    [
        "../b/index.m3u8",
        "../index.m3u8",
        "init1.mp4",
        "..%2f..%2fetc%2fpasswd.mp4",
        "../../etc/passwd",
        "part0.m4s%00.m4s",
        ".m4s",
        "index.m3u8/x",
        "snapshot.jpg",
    ],
)
async def test_what_is_not_there_is_404(path: str) -> None:
    async with served() as (client, lane):
        push(lane, film(90))
        assert (await client.get(path)).status_code == 404


async def test_before_the_first_segment_a_player_waits_and_is_told_to_come_again() -> None:
    hls = hls_of(Video("a", Lane(), Encoding(), lambda _: None))
    hls.open()
    routes = HlsRoutes({"a": hls}, first_s=0.05).routes()
    async with (
        serving("127.0.0.1:0", routes, dict, CollectorRegistry()) as address,
        httpx.AsyncClient(base_url=address) as client,
    ):
        answer = await client.get("/streams/a/index.m3u8")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    hls.close()


@pytest.mark.slow
async def test_who_waits_for_a_stream_that_has_stopped_is_told_so() -> None:
    async with served() as (client, lane):
        push(lane, film(90))
        await client.get("index.m3u8")
        answer = await client.get("index.m3u8?_HLS_msn=4")
        assert answer.status_code == 503
        assert answer.json()["detail"] == "the stream has stopped"


async def test_the_server_ends_without_waiting_for_those_who_wait() -> None:
    async with httpx.AsyncClient(timeout=20) as player:
        async with served() as (client, lane):
            push(lane, film(90))
            await client.get("index.m3u8")
            address = f"{client.base_url}index.m3u8?_HLS_msn=4"
            waiting = asyncio.create_task(player.get(address))
            await client.get("index.m3u8")
        assert (await waiting).status_code == 503


async def test_what_must_be_encoded_is_only_while_somebody_asks_for_it() -> None:
    lane = Lane()
    video = Video("a", lane, Encoding(keyframe_s=1.0), lambda _: None, whole=True)
    video.open()
    lane.open(None)
    hls = hls_of(video, idle_s=0.2)
    hls.open()
    for number in range(90):
        hls.want()
        await asyncio.to_thread(lane.show, card_frame(number))
    assert await hls.shelf.until(lambda: hls.shelf.ready, 10)
    began = hls.shelf.segments[0].name
    for number in itertools.count(90):
        if hls.paused:
            break
        await asyncio.to_thread(lane.show, card_frame(number))
    assert video.readers == 0
    assert not hls.shelf.ready
    assert hls.shelf.file(began) is None
    first = hls.shelf.first
    for number in range(1000, 1090):
        hls.want()
        await asyncio.to_thread(lane.show, card_frame(number))
    assert await hls.shelf.until(lambda: hls.shelf.ready, 10)
    assert hls.shelf.first >= first > 0
    assert hls.shelf.segments[0].broken
    hls.close()
    video.close()
