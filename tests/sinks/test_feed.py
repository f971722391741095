"""The latest pictures: encoded when somebody looks, once for all who do."""

import asyncio

import cv2
import numpy as np

from sinks.feed import Feed, Look, Shown
from tests.factory import delivery, detections, frame_of, grey_frame

FAST = Look(max_fps=1e6)


def offer(feed: Feed, seq: int, grey: int = 128) -> None:
    feed.offer(delivery(grey_frame(seq, grey=grey), "capture"))


def decoded(shown: Shown | None) -> np.ndarray:
    assert shown is not None
    return cv2.imdecode(np.frombuffer(shown.jpeg, np.uint8), cv2.IMREAD_COLOR)


async def test_nobody_looks_nothing_is_encoded() -> None:
    feed = Feed(FAST)
    for seq in range(100):
        offer(feed, seq)
    assert feed.encoded == 0


async def test_a_picture_is_encoded_once_for_all_who_look() -> None:
    feed = Feed(FAST)
    offer(feed, 0)
    shown = await asyncio.gather(*(feed.picture() for _ in range(20)))
    assert feed.encoded == 1
    assert len({id(picture) for picture in shown}) == 1
    offer(feed, 1)
    await feed.picture()
    assert feed.encoded == 2


async def test_before_the_first_picture_there_is_none() -> None:
    feed = Feed(FAST)
    assert await feed.picture() is None


async def test_it_shows_what_was_found() -> None:
    feed = Feed(FAST)
    frame = frame_of(np.full((480, 640, 3), 128, np.uint8), results={"detect": detections()})
    feed.offer(delivery(frame))
    pixels = decoded(await feed.picture())
    assert pixels.shape == (480, 640, 3)
    assert np.abs(pixels.astype(int) - 128).max() > 50


async def test_pictures_that_come_too_soon_are_left_out() -> None:
    feed = Feed(Look(max_fps=0.01))
    for seq in range(10):
        offer(feed, seq)
    shown = await feed.picture()
    assert shown is not None
    assert shown.delivery.frame.seq == 0


async def test_one_who_is_slow_gets_the_latest_next() -> None:
    feed = Feed(FAST)
    offer(feed, 0, grey=10)
    looking = feed.watch()
    assert decoded(await anext(looking)).mean() < 20
    for seq in range(1, 50):
        offer(feed, seq, grey=seq * 5)
    shown = await anext(looking)
    assert shown.delivery.frame.seq == 49
    assert feed.encoded == 2
    await looking.aclose()


async def test_one_who_comes_before_the_first_picture_waits_for_it() -> None:
    feed = Feed(FAST)
    looking = feed.watch()
    first = asyncio.ensure_future(anext(looking))
    await asyncio.sleep(0)  # it waits
    assert feed.watching == 1
    offer(feed, 3)
    assert (await first).delivery.frame.seq == 3
    await looking.aclose()
    assert feed.watching == 0


async def test_closing_ends_the_looking() -> None:
    feed = Feed(FAST)
    offer(feed, 0)
    seen = asyncio.create_task(_all(feed))
    offer(feed, 1)
    feed.close()
    assert len(await asyncio.wait_for(seen, 5)) <= 1


async def _all(feed: Feed) -> list[Shown]:
    return [shown async for shown in feed.watch()]


async def test_a_picture_says_which_it_is_and_how_old() -> None:
    feed = Feed(FAST)
    offer(feed, 5)
    shown = await feed.picture()
    assert shown is not None
    assert shown.headers["X-Framewire-Seq"] == "5"
    assert shown.headers["X-Framewire-Pts"] == "0.200000"
    assert shown.headers["X-Framewire-Captured-At"].startswith("2025-06-01T12:00:00.2")
    assert 0 <= int(shown.headers["X-Framewire-Age-Ms"]) < 10_000
