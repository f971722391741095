"""The page in browsers that cannot do what Chromium can: a real Firefox, and feigned ones."""

import asyncio

import pytest

from tests.factory import FPS
from tests.sinks.firefox import Firefox, firefox
from tests.sinks.webrtc.conftest import playing
from tests.sinks.webrtc.pages import visiting
from tests.sinks.webrtc.test_page_live import COLLECT, numbers_seen, show

PICTURES = 75  # three seconds: what goes wrong may begin after two, as Firefox counts

LIVE = """new Promise((done) => {
  const look = () => {
    if (document.querySelector("article[data-state='live']")) done();
    else requestAnimationFrame(look);
  };
  look();
})"""
DRAWN_ON = "document.querySelector('[data-fact=\"Drawn on\"]:not([hidden]) dd')?.textContent"
FIREFOX_153 = """
    delete VideoFrame.prototype.metadata;
    Object.defineProperty(VideoFrame.prototype, "timestamp", { get: () => 2 });
"""
NO_RTP = """
    const ask = HTMLVideoElement.prototype.requestVideoFrameCallback;
    HTMLVideoElement.prototype.requestVideoFrameCallback = function (told) {
      return ask.call(this, (now, { rtpTimestamp, ...metadata }) => told(now, metadata));
    };
"""
NO_H264 = """
    const add = RTCPeerConnection.prototype.addTransceiver;
    RTCPeerConnection.prototype.addTransceiver = function (...wanted) {
      const made = add.apply(this, wanted);
      const { codecs } = RTCRtpReceiver.getCapabilities("video");
      made.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType !== "video/H264"));
      return made;
    };
"""


async def test_firefox_draws_what_was_said_on_its_picture() -> None:
    binary = firefox()
    if binary is None:
        pytest.skip("needs the Debian package firefox-esr, for a real Firefox")

    def look(address: str) -> object:
        with Firefox(binary, address) as page:
            page.run(LIVE)
            return page.run(f"({COLLECT})({{ stream: 'a', pictures: {PICTURES} }})")

    async with show() as shown, playing(shown.films["a"]):
        seen = await asyncio.to_thread(look, shown.page)
    assert isinstance(seen, list)
    said = [one for one in seen if one["says"] is not None]
    assert len(said) >= 0.9 * PICTURES
    assert sum(one["says"] != one["shows"] for one in said) <= 0.03 * PICTURES
    assert sum(one["shows"] != round(one["rtp"] * FPS / 90_000) for one in seen) <= 0.03 * PICTURES


async def test_pictures_go_on_in_a_browser_that_does_not_tell_which_it_copies() -> None:
    async with (
        show() as shown,
        visiting(f"{shown.page}#a", first=FIREFOX_153) as visit,
        playing(shown.films["a"]),
    ):
        await visit.state("a", "live")
        seen = await numbers_seen(visit)
        assert len({picture["shows"] for picture in seen}) >= 0.9 * len(seen)
        await visit.until(f"{DRAWN_ON}?.startsWith('the picture that this browser names')")
        assert visit.complaints == []


async def test_a_browser_that_does_not_tell_which_picture_it_shows_says_so() -> None:
    async with (
        show() as shown,
        visiting(f"{shown.page}#a", first=NO_RTP) as visit,
        playing(shown.films["a"]),
    ):
        await visit.state("a", "live")
        await visit.until(f"{DRAWN_ON}?.startsWith('nothing')")
        assert await visit.page.locator("canvas.picture").is_hidden()
        assert visit.complaints == []


async def test_what_is_made_vp8_for_a_browser_is_not_said_to_be_direct() -> None:
    async with (
        show() as shown,
        visiting(f"{shown.page}#a", first=NO_H264) as visit,
        playing(shown.films["a"]),
    ):
        way = "document.querySelector('[data-fact=\"Way\"] dd')?.textContent"
        await visit.until(f"{way}?.startsWith('encoded as VP8')")
        assert await visit.page.locator("article .path").inner_text() == "coded"
        seen = await numbers_seen(visit, pictures=20)
        assert all(one["says"] in {one["shows"], None} for one in seen)
        assert await visit.page.evaluate(DRAWN_ON) is None  # Chromium tells: they are the very ones
