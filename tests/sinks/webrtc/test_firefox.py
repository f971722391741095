"""The page in a real Firefox."""

import asyncio

import pytest

from tests.factory import FPS
from tests.sinks.firefox import Firefox, firefox
from tests.sinks.webrtc.conftest import playing
from tests.sinks.webrtc.test_page_live import COLLECT, show

PICTURES = 75  # three seconds: what goes wrong may begin after two, as Firefox counts

LIVE = """new Promise((done) => {
  const look = () => {
    if (document.querySelector("article[data-state='live']")) done();
    else requestAnimationFrame(look);
  };
  look();
})"""


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
