"""The page on a real sink, in a real Chromium."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from models.results import Caption
from pipeline.server import serving
from sinks.sink import Delivery, GraphNode, SinkContext
from sinks.video.coders import settled
from sinks.webrtc.assets import Assets
from sinks.webrtc.options import WebrtcOptions
from sinks.webrtc.sink import WebrtcSink
from stages.events import Event
from stages.lane import Coding, Lane, Packet
from stages.stage import Options
from stages.zones import ZonesOptions
from tests.factory import FPS, delivery, detections, grey_frame
from tests.sinks.webrtc.conftest import playing
from tests.sinks.webrtc.film import Film
from tests.sinks.webrtc.pages import Visit, visiting
from tests.sinks.webrtc.test_sink import showing

H264 = Coding("h264", (320, 192))
AREA = ((0.1, 0.1), (0.4, 0.1), (0.4, 0.9), (0.1, 0.9))

# What each picture shows (the number in its row of blocks), and what is drawn over it.
COLLECT = """
(arg) => new Promise((done) => {
  const tile = document.getElementById(`name-${arg.stream}`).closest("article");
  const picture = tile.querySelector("canvas.picture");
  const number = () => {
    const { width, height } = picture;
    const row = picture.getContext("2d").getImageData(0, Math.round(height / 32), width, 1).data;
    let read = 0;
    for (let block = 2; block < 26; block++) {
      read = 2 * read + (row[4 * Math.floor(((block + 0.5) * width) / 32)] > 127 ? 1 : 0);
    }
    return read;
  };
  const seen = new Map();
  tile.addEventListener("framewire:picture", ({ detail: { rtp, moment, drawn } }) => {
    seen.set(rtp, { rtp, shows: number(), seq: moment?.seq ?? null, drawn,
                    says: moment?.said.get("detect")?.data.tracks[0] ?? null });
    if (seen.size >= arg.pictures) done([...seen.values()]);
  });
})
"""


@dataclass
class Show:
    """A sink that shows films, and where."""

    sink: WebrtcSink
    films: dict[str, Film]
    address: str

    @property
    def page(self) -> str:
        return f"{self.address}/view/"


def context_of(lanes: dict[str, Lane]) -> SinkContext:
    streams = tuple(lanes)
    return SinkContext(
        "view", streams, lanes=lanes, inputs=("capture", "detect", "caption", "zones"),
        graph={
            "detect": GraphNode("detect", ("capture",), streams, Options()),
            "caption": GraphNode("caption", ("capture",), streams, Options()),
            "zones": GraphNode("zones", ("detect",), streams, ZonesOptions(areas={"door": AREA})),
        },
    )  # fmt: skip


async def nothing_recorded(_: Request) -> Response:
    return JSONResponse({"segments": []})


@asynccontextmanager
async def show(
    *streams: str,
    listen: str = "127.0.0.1:0",
    more: tuple[BaseRoute, ...] = (Route("/api/recordings", nothing_recorded),),
    late: float = 0.0,
) -> AsyncIterator[Show]:
    """A sink that shows a film for each stream, and what a node has seen in each picture.

    That is its number: a result has the number of its picture as the number of its track.

    late  seconds from a picture to what was seen in it
    """
    lanes = {stream: Lane() for stream in streams or ("a",)}
    films = {stream: Film() for stream in lanes}
    loop = asyncio.get_running_loop()
    sink = WebrtcSink(WebrtcOptions(), context_of(lanes))
    await sink.open()

    def passes(stream: str, packet: Packet) -> None:
        lanes[stream].push(packet)
        number = round(packet.pts * FPS)
        found = detections((0.2, 0.3, 0.6, 0.8))
        object.__setattr__(found, "tracks", found.classes + number)
        frame = grey_frame(number, stream, results={"detect": found})
        asyncio.run_coroutine_threadsafe(says(delivery(frame, "detect")), loop)

    async def says(what: Delivery) -> None:
        await asyncio.sleep(late)
        await sink.write([what])

    for stream, film in films.items():
        lanes[stream].open(H264)
        film.attach(lambda packet, stream=stream: passes(stream, packet))
    async with serving(
        listen, [*sink.routes(), *more], lambda: {"seconds": 1.0, "nodes": {}}, CollectorRegistry()
    ) as address:
        yield Show(sink, films, address)
        await sink.close()


async def numbers_seen(visit: Visit, stream: str = "a", pictures: int = 40) -> list[dict]:
    return await visit.page.evaluate(COLLECT, {"stream": stream, "pictures": pictures})


async def test_what_is_drawn_was_said_about_the_very_picture_below_it() -> None:
    async with show() as shown, visiting(shown.page) as visit, playing(shown.films["a"]):
        await visit.state("a", "live")
        await visit.until("document.querySelector('.picture:not([hidden])') !== null")
        seen = (await numbers_seen(visit))[5:]
    for picture in seen:
        assert picture["shows"] == round(picture["rtp"] * FPS / 90_000)
        assert picture["says"] in {picture["shows"], None}
    said = [picture for picture in seen if picture["says"] is not None]
    assert len(said) >= 0.9 * len(seen)
    assert all("detect" in picture["drawn"] for picture in said)
    assert visit.complaints == []


@pytest.mark.slow
async def test_pictures_wait_for_what_is_seen_in_them_unless_they_are_to_come_at_once() -> None:
    async with (
        show(late=0.2) as shown, visiting(f"{shown.page}#a") as visit, playing(shown.films["a"])
    ):  # fmt: skip
        await visit.state("a", "live")
        waits = "document.querySelector('[data-fact=\"Waits for results\"] dd')?.textContent"
        await visit.until(f"parseInt({waits}) >= 200")
        enough = [len([one for one in await numbers_seen(visit) if one["says"] == one["shows"]])
                  for _ in range(3)]  # fmt: skip
        assert max(enough) >= 34, enough
        await visit.page.get_by_role("radio", name="Pictures come at once").check()
        await visit.until(f"{waits} === 'no'")


async def test_what_encodes_a_stream_is_told() -> None:
    async with show() as shown, visiting(f"{shown.page}#a") as visit:
        lane = shown.sink._context.lanes["a"]
        lane.open(None)
        async with showing(lane):
            way = "document.querySelector('[data-fact=\"Way\"] dd')?.textContent"
            await visit.until(f"{way} === 'encoded once by {settled('auto')}, for all'")


async def test_a_picture_that_stands_still_is_marked_and_said_to_be() -> None:
    async with show() as shown, visiting(shown.page) as visit:
        async with playing(shown.films["a"]):
            await visit.state("a", "live")
        await visit.state("a", "stale")
        mark = visit.page.locator(".mark")
        assert (await mark.inner_text()).startswith("No new picture for ")
        await visit.until("document.getElementById('news').textContent.startsWith('a: No new')")
        drawn = """[...document.querySelector('canvas.overlay').getContext('2d')
            .getImageData(0, 0, 50, 50).data].some(Boolean)"""
        assert not await visit.page.evaluate(drawn)
        async with playing(shown.films["a"]):
            await visit.state("a", "live")
            await visit.until("document.getElementById('news').textContent === 'a is live again'")
            assert await mark.inner_text() == ""


@pytest.mark.slow
async def test_it_comes_back_by_itself_when_the_server_does() -> None:
    async with AsyncExitStack() as stack:
        async with show() as before:
            listen = before.address.removeprefix("http://")
            visit = await stack.enter_async_context(visiting(before.page))
            async with playing(before.films["a"]):
                await visit.state("a", "live")
        await visit.state("a", "lost")
        mark = await visit.page.locator(".mark").inner_text()
        assert mark.startswith("No connection. Trying again")
        await visit.until("document.getElementById('link').dataset.state === 'off'")
        async with show(listen=listen) as after, playing(after.films["a"]):
            await visit.state("a", "live")
            await visit.until("document.getElementById('link').dataset.state === 'on'")


async def test_who_leaves_is_gone_at_once() -> None:
    async with show("a", "b") as shown:
        async with visiting(shown.page) as visit, playing(shown.films["a"]):
            await visit.state("a", "live")
            assert len(shown.sink._there()) == 2
            await visit.page.goto("about:blank")
            async with asyncio.timeout(5), httpx.AsyncClient(base_url=shown.address) as client:
                while (await client.get("/api/viewer")).json()["viewers"]["now"]:
                    pass


async def test_a_node_that_is_switched_off_is_not_drawn() -> None:
    async with show() as shown, visiting(shown.page) as visit, playing(shown.films["a"]):
        await visit.state("a", "live")
        await visit.page.get_by_role("switch", name="detect").uncheck()
        seen = await numbers_seen(visit, pictures=10)
        assert all("detect" not in picture["drawn"] for picture in seen)
        await visit.page.get_by_role("switch", name="detect").check()
        await visit.until("true")
        seen = await numbers_seen(visit, pictures=20)
        assert any("detect" in picture["drawn"] for picture in seen)


async def test_it_can_be_used_by_keys_and_by_names() -> None:
    async with show("a", "b", "c") as shown, visiting(shown.page) as visit:
        page = visit.page
        await visit.until("document.querySelectorAll('article').length === 3")
        for name in ("a", "b", "c"):
            await page.get_by_role("article", name=name, exact=True).wait_for()
        await page.keyboard.press("2")
        large = page.locator("article.large")
        assert await large.get_attribute("aria-labelledby") == "name-b"
        assert page.url.endswith("#b")
        await page.keyboard.press("ArrowRight")
        assert await large.get_attribute("aria-labelledby") == "name-c"
        await page.keyboard.press("Escape")
        assert await large.count() == 0
        await page.get_by_role("button", name="a", exact=True).focus()
        await page.keyboard.press("Enter")
        assert await large.get_attribute("aria-labelledby") == "name-a"
        await page.keyboard.press("t")
        timeline = page.get_by_role("region", name="Timeline")
        assert await timeline.is_visible()
        button = page.get_by_role("button", name="Timeline", exact=True)
        assert await button.get_attribute("aria-expanded") == "true"
        await page.keyboard.press("g")
        assert not await timeline.is_visible()
        assert await page.get_by_role("table", name="Graph").is_visible()
        await page.keyboard.press("?")
        await page.get_by_role("switch", name="Single keys do something").uncheck()
        await page.keyboard.press("Escape")
        await page.keyboard.press("t")
        assert not await timeline.is_visible()


async def test_every_control_has_a_name() -> None:
    async with show("a", "b") as shown, visiting(shown.page) as visit:
        await visit.until("document.querySelectorAll('article').length === 2")
        nameless = """[...document.querySelectorAll('button, input, select, video, [tabindex="0"]')]
            .filter((one) => !(one.getAttribute('aria-label') || one.labels?.length
                               || one.textContent.trim())).map((one) => one.outerHTML)"""
        assert await visit.page.evaluate(nameless) == []


@pytest.mark.parametrize("many", [3, pytest.param(16, marks=pytest.mark.slow)])
async def test_a_phone_scrolls_one_way_only(many: int) -> None:
    names = [f"camera-{n}" for n in range(many)]
    async with show(*names) as shown, visiting(shown.page, 390, 844, phone=True) as visit:
        await visit.until("document.querySelectorAll('article').length === arg.many", many=many)
        wider = """[...document.querySelectorAll('body *')].filter((one) => {
            const box = one.getBoundingClientRect();
            const apart = one.closest('.unseen, .skip, .overlay, .scroll');
            return box.width && !apart && box.right > innerWidth + 1;
        }).map((one) => one.outerHTML.slice(0, 80))"""
        assert await visit.page.evaluate(wider) == []
        for panel in ("Timeline", "Graph", "Overlays"):
            await visit.page.get_by_role("button", name=panel, exact=True).click()
            assert await visit.page.evaluate(wider) == []
            await visit.page.get_by_role("button", name=f"Close the {panel.lower()}").click()


@pytest.mark.slow
async def test_sixteen_streams_fit_without_scrolling() -> None:
    names = [f"camera-{n}" for n in range(16)]
    async with show(*names) as shown, visiting(shown.page, 1440, 900) as visit:
        await visit.until("document.querySelectorAll('article').length === 16")
        fits = """[...document.querySelectorAll('article')].every((one) => {
            const box = one.getBoundingClientRect();
            return box.bottom <= innerHeight && box.right <= innerWidth && box.width > 200;
        })"""
        await visit.until(fits)


@pytest.mark.slow
async def test_streams_out_of_sight_are_let_go_of_and_taken_up_again() -> None:
    names = [f"camera-{n}" for n in range(6)]
    async with show(*names) as shown, visiting(shown.page, 390, 500, phone=True) as visit:
        await visit.state("camera-5", "resting")
        assert await visit.page.locator("article[data-state='resting']").count() >= 3
        async with httpx.AsyncClient(base_url=shown.address) as client:
            assert (await client.get("/api/viewer")).json()["viewers"]["now"] <= 3
        await visit.page.locator("article").last.scroll_into_view_if_needed()
        await visit.state("camera-5", "waiting")


async def test_who_is_not_signed_in_any_more_is_told_where_to() -> None:
    async def refused(_: Request) -> Response:
        return Response("wanted a session, got none", 401)

    routes = [*Assets().routes(), *(Route(f"/api/{one}", refused) for one in ("viewer", "events"))]
    async with (
        serving("127.0.0.1:0", routes, dict, CollectorRegistry()) as address,
        visiting(f"{address}/view/") as visit,
    ):
        await visit.page.get_by_role("link", name="Sign in").wait_for()
        assert await visit.page.locator("#link-said").inner_text() == "not signed in"


async def test_what_happened_is_listed_and_its_words_stay_words() -> None:
    async with show() as shown, visiting(shown.page) as visit:
        await visit.page.keyboard.press("t")
        evil = "<img src=x onerror=alert(1)>"
        await shown.sink.announce(Event("zone.entered", "a", {"zone": evil, "track": 4}))
        await shown.sink.announce(Event("my.own", "a", {}))
        await visit.page.get_by_text("my.own").wait_for()
        assert evil in await visit.page.locator("#events").inner_text()
        assert await visit.page.locator("#events img").count() == 0
        assert visit.complaints == []


async def test_a_caption_is_read_out_for_the_stream_that_is_large() -> None:
    async with show() as shown, visiting(f"{shown.page}#a") as visit, playing(shown.films["a"]):
        await visit.state("a", "live")
        said = {"caption": Caption("a dog runs", 0.5, ())}
        number = shown.films["a"].number - 20  # it took its time
        await shown.sink.write([delivery(grey_frame(number, results=said), "caption")])
        caption = visit.page.locator("article .unseen")
        await visit.until("document.querySelector('article .unseen').textContent === 'a dog runs'")
        assert await caption.get_attribute("aria-live") == "polite"


async def test_a_recording_is_played_from_where_one_points() -> None:
    asked: list[str] = []

    async def recordings(_: Request) -> Response:
        end = datetime.now(UTC) - timedelta(minutes=10)
        start = end - timedelta(minutes=20)
        return JSONResponse({"segments": [
            {"id": "a-1", "stream": "a", "start": start.isoformat(), "end": end.isoformat(),
             "file": "a-1.mp4", "events": []},
        ]})  # fmt: skip

    async def film(request: Request) -> Response:
        asked.append(request.url.path)
        return Response(b"", 404)

    routes = (
        Route("/api/recordings", recordings),
        Route("/recordings/{name}", film),
    )
    async with show(more=routes) as shown, visiting(shown.page) as visit:
        page = visit.page
        await page.keyboard.press("t")
        await page.locator(".bar").wait_for()
        track = page.get_by_role("slider", name="Moment")
        await track.focus()
        for _ in range(20):  # a third of an hour ago
            await page.keyboard.press("ArrowLeft")
        assert "recorded" in await track.get_attribute("aria-valuetext")
        await page.keyboard.press("Enter")
        await page.get_by_role("region", name="Recording").wait_for()
        await visit.until("document.getElementById('playback-note').textContent !== ''")
        assert "/recordings/a-1.mp4" in asked
        await page.get_by_role("button", name="Back to live").click()
        assert await track.get_attribute("aria-valuetext") == "now, live"


async def test_it_says_how_old_what_one_sees_is() -> None:
    async with show() as shown, visiting(shown.page) as visit, playing(shown.films["a"]):
        await visit.state("a", "live")
        await visit.until("/^[0-9]+ ms$/.test(document.querySelector('.delay').textContent)")
        await visit.until("/bit/.test(document.querySelector('.bits').textContent)")
        async with httpx.AsyncClient() as client:
            about = (await client.get(f"{shown.address}/api/viewer")).json()
        assert about["now"] > 1e12
