"""The picture beside an event."""

import cv2
import numpy as np
from numpy.typing import NDArray
from redis.asyncio import Redis

from models.results import Veil
from sinks.embedded_redis import EmbeddedRedis
from sinks.redis.thumbnails import Thumbnails
from sinks.sink import SinkContext
from sinks.wire import decode_event
from stages.events import Event
from tests.factory import deliveries, delivery, frame_of
from tests.sinks.redis_parts import kept, opened

CROSSED = Event("line.crossed", "a")
STRIPES = np.tile(np.array([0, 255], np.uint8)[None, :, None], (120, 160, 3))
"""(120, 320, 3): each column another than the next."""


def pixels(jpeg: bytes) -> NDArray[np.uint8]:
    found = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(found, np.uint8)


async def test_an_event_has_the_last_picture_of_its_stream_beside_it(
    server: EmbeddedRedis, client: Redis
) -> None:
    async with opened(url=server.url, thumbnail_width=32) as sink:
        await sink.announce(CROSSED)  # before the first picture
        await sink.write(deliveries(2))
        await sink.announce(CROSSED)
        await sink.announce(Event("worker.lost", "detect"))
    events = [decode_event(data) for data in await kept(client, "framewire:events")]
    keys = [f"framewire:events:{event.run}:{event.number}" for event in events]
    found = [await client.get(key) for key in keys]
    assert [jpeg is not None for jpeg in found] == [False, True, False]
    assert pixels(found[1]).shape == (24, 32, 3)
    assert 3_500_000 < await client.pttl(keys[1]) <= 3_600_000


async def contrast(guards: tuple[str, ...], **said: Veil) -> float:
    """Between neighbours, in grey levels: a picture that is pixelated has hardly any."""
    thumbnails = Thumbnails(320, SinkContext("redis", ("a",), guards={"a": guards}))
    thumbnails.note(delivery(frame_of(STRIPES, results=said)))
    jpeg = await thumbnails.jpeg("a")
    assert jpeg is not None
    return float(np.abs(np.diff(pixels(jpeg).astype(int), axis=1)).mean())


async def test_what_is_to_be_hidden_is_hidden() -> None:
    nothing = Veil(np.empty((0, 4), np.float32))
    everything = Veil(np.empty((0, 4), np.float32), whole=True)
    assert await contrast(()) > 100
    assert await contrast(("privacy",), privacy=nothing) > 100
    assert await contrast(("privacy",), privacy=everything) < 20
    assert await contrast(("privacy",)) < 20  # it has said nothing about the picture


async def test_an_older_picture_does_not_replace_a_newer_one() -> None:
    thumbnails = Thumbnails(64, SinkContext("redis", ("a",)))
    for seq, grey in ((2, 255), (1, 0)):
        thumbnails.note(delivery(frame_of(np.full((48, 64, 3), grey, np.uint8), seq)))
    jpeg = await thumbnails.jpeg("a")
    assert jpeg is not None
    assert pixels(jpeg).mean() > 250
