"""The picture beside an event."""

import asyncio
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from redis.asyncio import Redis

from models.results import Detections, Segmentation, Veil
from pipeline.config import load_config
from pipeline.pipeline import Pipeline
from sinks.embedded_redis import EmbeddedRedis
from sinks.redis.thumbnails import Thumbnails
from sinks.sink import GraphNode, SinkContext
from sinks.wire import decode_event
from stages.events import Event
from stages.frame import Frame
from stages.stage import Options
from tests.factory import deliveries, delivery, detections, frame_of
from tests.pipeline.running import written
from tests.sinks.redis_parts import kept, opened, until

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
    jpeg = await thumbnails.jpeg(CROSSED)
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
    jpeg = await thumbnails.jpeg(CROSSED)
    assert jpeg is not None
    assert pixels(jpeg).mean() > 250


GRAPH = {
    name: GraphNode(kind, inputs, ("a",), Options())
    for name, kind, inputs in (
        ("track", "track", ("find",)), ("zones", "zones", ("track",)), ("see", "segment", ()),
    )
}  # fmt: skip
OF_7 = {"place": "door", "track": 7, "label": "person"}
GRIP = {"node": "see", "label": "grip", "share": 0.1, "pts": 0.0}


def scene() -> Frame:
    """320 x 120, black; at 80..160, 30..90 something white, which is track 7 and a grip."""
    pixels = np.zeros((120, 320, 3), np.uint8)
    pixels[30:90, 80:160] = 255
    box = (0.25, 0.25, 0.5, 0.75)
    tracks = replace(detections((0.7, 0, 0.8, 0.1), box), tracks=np.array([3, 7], np.int64))
    classes = np.zeros((12, 32), np.uint8)
    classes[3:9, 8:16] = 1
    said = {"track": tracks, "see": Segmentation(classes, ("background", "grip"))}
    return frame_of(pixels, results=said)


async def shown(event: Event, frame: Frame, width: int = 640, **guards: str) -> NDArray[np.uint8]:
    told = {stream: (guard,) for stream, guard in guards.items()}
    context = SinkContext("redis", ("a",), guards=told, graph=GRAPH)
    thumbnails = Thumbnails(width, context, crop=True)
    thumbnails.note(delivery(frame))
    jpeg = await thumbnails.jpeg(event)
    assert jpeg is not None
    return pixels(jpeg)


@pytest.mark.parametrize(
    "event",
    [
        Event("line.crossed", "a", {"node": "zones", **OF_7, "direction": "in"}),
        Event("zone.entered", "a", {"node": "zones", **OF_7}),
        Event("track.found", "a", {"node": "track", "track": 7, "label": "person", "away_s": 1}),
        Event("presence.entered", "a", GRIP),
    ],
)
async def test_a_crop_shows_the_thing_that_it_happened_to_and_what_is_around_it(
    event: Event,
) -> None:
    found = await shown(event, scene())
    assert found.shape == (120, 160, 3)  # half as much again on each side
    assert (await shown(event, scene(), width=80)).shape == (60, 80, 3)
    bright = found.max(axis=2) > 100  # what was said is drawn on it
    assert bright[35:85, 45:115].mean() > 0.9
    assert bright[:, :30].mean() < 0.1
    assert bright[:, 130:].mean() < 0.1


@pytest.mark.parametrize(
    "event",
    [
        Event("control.snapshot", "a", {"command": "1"}),
        Event("line.crossed", "a", {"node": "zones", **OF_7, "track": 8}),  # not in the picture
        Event("presence.entered", "a", {**GRIP, "label": "clip"}),
        Event("source.lost", "a", {"error": "why"}),
        Event("own", "a", {"node": "away", "track": 7}),
    ],
)
async def test_the_whole_picture_is_shown_where_there_is_no_such_thing_in_it(event: Event) -> None:
    assert (await shown(event, scene())).shape == (120, 320, 3)


async def test_a_crop_of_a_guarded_stream_shows_what_its_guards_have_left() -> None:
    striped = np.tile(np.array([0, 255], np.uint8)[None, :, None], (120, 160, 3))
    event = Event("line.crossed", "a", {"node": "track", **OF_7})
    everywhere, away = ((0.0, 0.0, 1.0, 1.0),), ((0.9, 0.9, 1.0, 1.0),)

    async def contrast_of(*boxes: tuple[float, ...]) -> float:
        tracks = replace(detections((0.25, 0.25, 0.5, 0.75)), tracks=np.array([7], np.int64))
        said: dict[str, Detections | Veil] = {"track": tracks}
        if boxes:
            said["hide"] = Veil(np.array(boxes, np.float32))
        found = await shown(event, frame_of(striped, results=said), a="hide")
        assert found.shape == (120, 160, 3)
        return float(np.abs(np.diff(found.astype(int), axis=1)).mean())

    assert await contrast_of(*away) > 100
    assert await contrast_of(*everywhere) < 20
    assert await contrast_of() < 20  # the guard has said nothing about the picture


async def test_the_crop_of_an_event_is_beside_it(server: EmbeddedRedis, client: Redis) -> None:
    event = Event("line.crossed", "a", {"node": "zones", **OF_7, "direction": "in"})
    told = {"url": server.url, "thumbnail_width": 100, "thumbnail": "crop"}
    async with opened(GRAPH, **told) as sink:
        await sink.write([delivery(scene(), "track")])
        await sink.announce(event)
    (data,) = await kept(client, "framewire:events")
    said = decode_event(data)
    jpeg = await client.get(f"framewire:events:{said.run}:{said.number}")
    assert jpeg is not None
    assert pixels(jpeg).shape == (75, 100, 3)


@pytest.mark.parametrize("inputs", ["[track, zones]", "[zones]"])
async def test_who_crosses_a_line_in_a_pipeline_is_in_the_crop(
    tmp_path: Path, server: EmbeddedRedis, client: Redis, inputs: str
) -> None:
    pytest.importorskip("trackers", reason="needs the extra track")
    config = written(
        tmp_path,
        f"""
        streams: {{ a: {{ source: testcard, size: 320x160, fps: 25 }} }}
        graph:
          find: {{ stage: "{{stages}}:Walks" }}
          track: {{ stage: track, from: find }}
          zones: {{ stage: zones, from: track, lines: {{ door: [[0.5, 1], [0.5, 0]] }} }}
        sinks:
          redis: {{ sink: redis, url: "{server.url}", from: {inputs}, spool_mb: 0,
                   thumbnail_width: 640, thumbnail: crop }}
        http: {{ listen: null }}
        """,
    )
    async with Pipeline(load_config(config)) as pipeline:
        running = asyncio.create_task(pipeline.run())
        await until(lambda: pipeline.bulletin.counts["line.crossed"] > 0)
        pipeline.stop()
        await running
    events = map(decode_event, await kept(client, "framewire:events"))
    crossed = next(event for event in events if event.name == "line.crossed")
    jpeg = await client.get(f"framewire:events:{crossed.run}:{crossed.number}")
    assert jpeg is not None
    height, width, _ = pixels(jpeg).shape
    assert height == 160
    assert 126 <= width <= 130  # of 320; its box is a fifth of it
