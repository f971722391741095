"""The sink of Redis on one core, its server on the others: `streams`, `latency` or `replay`."""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import quantiles

import numpy as np
from redis.asyncio import Redis

from benchmarks.measure import Stopwatch
from models.results import Detections
from sinks.embedded_redis import EmbeddedRedis
from sinks.redis import RedisOptions, RedisSink
from sinks.sink import Delivery, SinkContext
from sinks.wire import encode
from tests.factory import grey_frame

MESSAGE = 1024  # bytes
BATCH = 64  # what a sink's worker takes at once
COUNT = 40_000
ASKED = 2_000


def things() -> Detections:
    """As many as make a message of about MESSAGE bytes."""
    chance = np.random.default_rng(1)
    n = 7
    return Detections(
        boxes=chance.random((n, 4), np.float32),
        scores=chance.random(n, np.float32),
        classes=np.zeros(n, np.int64),
        labels=("person",),
    )


def deliveries(first: int, last: int) -> list[Delivery]:
    result = things()
    frames = [grey_frame(seq, results={"detect": result}) for seq in range(first, last)]
    return [Delivery(frame, ("detect",)) for frame in frames]


def made(url: str, folder: str, **options: object) -> RedisSink:
    told = RedisOptions.model_validate({"url": url, "spool_mb": 512, **options})
    return RedisSink(told, SinkContext("redis", ("a",), Path(folder)))


async def streams(server: EmbeddedRedis, folder: str, **options: object) -> dict[str, float]:
    """Results a second, batch after batch, as fast as they are taken."""
    sink = made(server.url, folder, **options)
    await sink.open()
    batches = [deliveries(first, first + BATCH) for first in range(0, COUNT, BATCH)]
    with Stopwatch() as watch:
        for batch in batches:
            await sink.write(batch)
    assert sink.counts()["direct_total"] == len(batches) * BATCH, sink.counts()
    async with Redis.from_url(server.url) as client:
        ((_, fields),) = await client.xrevrange("framewire:a:detect", count=1)
    await sink.close()
    done = len(batches) * BATCH
    return {"rate": done / watch.wall, "cpu_us": watch.cpu / done * 1e6,
            "bytes": len(fields[b"message"])}  # fmt: skip


async def latency(server: EmbeddedRedis, folder: str) -> dict[str, float]:
    """Milliseconds until a subscriber has a message: sent by the sink, and by redis-py alone."""
    sink = made(server.url, folder)
    await sink.open()
    listener = Redis.from_url(server.url)
    bare = Redis.from_url(server.url)
    message = encode(await _sample(sink, server))
    pubsub = listener.pubsub()
    await pubsub.subscribe("framewire:a:detect")
    assert await pubsub.get_message(timeout=5) is not None  # that it has subscribed

    async def heard(send: Callable[[], Awaitable[object]]) -> float:
        began = time.perf_counter()
        sending = asyncio.ensure_future(send())
        assert await pubsub.get_message(timeout=5) is not None
        took = time.perf_counter() - began
        await sending
        return took * 1e3

    batches = [deliveries(seq, seq + 1) for seq in range(ASKED)]
    ours, plain = list[float](), list[float]()
    for batch in batches:
        ours.append(await heard(lambda batch=batch: sink.write(batch)))
        plain.append(await heard(lambda: bare.publish("framewire:a:detect", message)))
    for one in (pubsub, listener, bare):
        await one.aclose()
    await sink.close()
    return {"ours_p50": _part(ours, 50), "ours_p95": _part(ours, 95), "bare_p50": _part(plain, 50),
            "bare_p95": _part(plain, 95)}  # fmt: skip


async def replay(server: EmbeddedRedis, folder: str) -> dict[str, float]:
    """Results a second from the disk into Streams, from the moment that Redis is back."""
    await server.close()
    sink = made(server.url, folder, heartbeat_s=0)
    await sink.open()
    for first in range(0, COUNT, BATCH):
        await sink.write(deliveries(first, first + BATCH))
    waiting = sink.counts()["waiting"]
    await sink.close()
    await server.start()
    with Stopwatch() as watch:  # the file is opened, and carried from its beginning
        sink = made(server.url, folder, heartbeat_s=0)
        await sink.open()
        while sink.counts()["waiting"]:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)
    replayed = sink.counts()["replayed_total"]
    await sink.close()
    assert replayed == waiting, (replayed, waiting)
    return {"rate": waiting / watch.wall, "cpu_us": watch.cpu / waiting * 1e6}


async def _sample(sink: RedisSink, server: EmbeddedRedis):
    from sinks.wire import decode_result

    await sink.write(deliveries(0, 1))
    async with Redis.from_url(server.url) as client:
        ((_, fields),) = await client.xrevrange("framewire:a:detect", count=1)
    return decode_result(fields[b"message"])


def _part(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100)[percent - 1]


async def main(mode: str) -> None:
    server = EmbeddedRedis()
    await server.start()
    # The server keeps all cores; from here on we have one, with all our threads.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        if mode == "streams":
            told = await streams(server, folder, channels=False, latest_s=0)
        elif mode == "all":
            told = await streams(server, folder)
        elif mode == "latency":
            told = await latency(server, folder)
        else:
            told = await replay(server, folder)
    await server.close()
    print(json.dumps(told))


asyncio.run(main(sys.argv[1]))
