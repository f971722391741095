"""A real Chromium watches: its pictures, and what is said of them."""

import asyncio
from pathlib import Path

import pytest

from models.results import Caption
from sinks.webrtc.sink import WebrtcSink
from stages.capture.testcard import Card
from stages.lane import Lane
from tests.factory import FPS, card_frame, delivery
from tests.sinks.browser import Page, browser
from tests.sinks.webrtc.test_sink import of_camera, shown

SCRIPT = Path(__file__).with_name("watch.js").read_text("utf-8")


@pytest.mark.slow
async def test_every_overlay_is_on_its_very_frame() -> None:
    binary = browser()
    if binary is None:
        pytest.skip("needs the Debian package chromium, for a real browser")
    context, lanes = of_camera()
    lanes["a"].open(None)
    async with shown(context) as (sink, client):
        filming = asyncio.create_task(film(sink, lanes["a"]))
        page = Page(binary, f"{client.base_url}/api/viewer")
        try:
            await asyncio.to_thread(page.__enter__)
            told = await asyncio.to_thread(page.run, f"{SCRIPT};watch('a', 125)")
        finally:
            filming.cancel()
            await asyncio.to_thread(page.__exit__)
        assert isinstance(told, dict)
        seen = told["seen"][25:]  # before, the data channel may not be open
        assert all(one["said"] in {None, one["read"]} for one in seen)
        assert sum(one["said"] is not None for one in seen) >= 98
        await sink._there().close()
        assert len(sink._there()) == 0


async def film(sink: WebrtcSink, lane: Lane) -> None:
    """Numbered cards, and what a node says of each: its number."""
    card, number = Card(640, 384), 0
    while True:
        frame = card_frame(card, number)
        await asyncio.to_thread(lane.show, frame)
        frame.say("number", Caption(str(number), 1.0))
        await sink.write([delivery(frame, "number")])
        number += 1
        await asyncio.sleep(1 / FPS)
