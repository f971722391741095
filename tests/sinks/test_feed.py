"""The latest pictures: encoded when somebody looks, once for all who do."""

import asyncio

import cv2
import numpy as np

from sinks.feed import Board, Feed, Look, Shown
from tests.factory import delivery, detections, frame_of, grey_frame

FAST = Look(max_fps=1e6)


def offer(feed: Feed | Board, seq: int, stream: str = "a", grey: int = 128) -> None:
    feed.offer(delivery(grey_frame(seq, stream, grey=grey), "capture"))


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
    assert feed.state() == {"seq": None, "age_ms": None}


async def test_it_shows_what_was_found() -> None:
    feed = Feed(FAST)
    frame = frame_of(np.full((480, 640, 3), 128, np.uint8), results={"detect": detections()})
    feed.offer(delivery(frame))
    pixels = decoded(await feed.picture())
    assert pixels.shape == (480, 640, 3)
    assert np.abs(pixels.astype(int) - 128).max() > 50


async def test_pictures_that_come_too_soon_are_left_out() -> None:
    feed = Feed(Look(max_fps=0.01))
    taken = [feed.offer(delivery(grey_frame(seq), "capture")) for seq in range(10)]
    assert taken == [True] + [False] * 9


async def test_one_who_is_slow_gets_the_latest_next() -> None:
    board = Board(("a",), FAST)
    offer(board, 0, grey=10)
    looking = board.watch(["a"])
    assert decoded(await anext(looking)).mean() < 20
    for seq in range(1, 50):
        offer(board, seq, grey=seq * 5)
    shown = await anext(looking)
    assert shown.delivery.frame.seq == 49
    assert board.feeds["a"].encoded == 2
    await looking.aclose()


async def test_all_streams_can_be_watched_at_once() -> None:
    board = Board(("a", "b", "never"), FAST)
    looking = board.watch(["a", "b", "never"])
    first = asyncio.ensure_future(anext(looking))
    offer(board, 3, "b")
    assert (await first).delivery.frame.stream == "b"
    offer(board, 4, "a")
    assert (await anext(looking)).delivery.frame.stream == "a"
    await looking.aclose()


async def test_closing_ends_the_looking() -> None:
    board = Board(("a",), FAST)
    offer(board, 0)
    seen = asyncio.create_task(_all(board))
    offer(board, 1)
    board.close()
    assert len(await asyncio.wait_for(seen, 5)) <= 1


async def _all(board: Board) -> list[Shown]:
    return [shown async for shown in board.watch(["a"])]


async def test_a_picture_says_which_it_is_and_how_old() -> None:
    feed = Feed(FAST)
    offer(feed, 5)
    shown = await feed.picture()
    assert shown is not None
    assert shown.headers["X-Framewire-Stream"] == "a"
    assert shown.headers["X-Framewire-Seq"] == "5"
    assert shown.headers["X-Framewire-Pts"] == "0.200000"
    assert shown.headers["X-Framewire-Captured-At"].startswith("2025-06-01T12:00:00.2")
    assert 0 <= int(shown.headers["X-Framewire-Age-Ms"]) < 10_000
