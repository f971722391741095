"""Redis is killed and started again while results are published."""

import asyncio
import sys
from pathlib import Path

import psutil
from redis.asyncio import Redis

from sinks.redis import RedisSink
from sinks.wire import decode_result
from tests.chaos.fault import Finding, until
from tests.sinks.redis_parts import opened
from tests.sinks.redis_server import RedisServer, keeping
from tests.sinks.test_redis_faults import Consumer, _killed_after, produce

GROWN_MB = 64.0
STREAMS = "ab"


async def killed(times: float, folder: Path, found: Finding) -> None:
    """Kill it, each time at another point of the producer's work."""
    before = psutil.Process().memory_info().rss
    async with keeping(folder / "server") as server:
        options = {"url": server.url, "folder": folder, "stream_length": 100_000}
        async with opened(**options, give_up_s=0.5) as sink:
            over, consumer = asyncio.Event(), Consumer(server.url)
            producing = asyncio.create_task(produce(sink, over))
            reading = asyncio.create_task(consumer.read_until(1_000_000))
            await _torment(server, sink, round(times))
            over.set()
            count = await producing
            await until(
                lambda: all(len(consumer.numbers[one]) >= count for one in STREAMS), "all results"
            )
            reading.cancel()
            counts = sink.counts()
    grown = (psutil.Process().memory_info().rss - before) / 1e6
    found.say(
        f"{round(times)} kills, {2 * count} results, {counts['spooled_total']:.0f} by the spool"
    )
    found.say(f"{consumer.doubles} dropped by their id, memory {grown:+.0f} MB")
    for stream in STREAMS:
        whole = consumer.numbers[stream] == list(range(count))
        found.want(whole, f"{stream}: each of {count} results once, in order")
    losses = ("dropped_total", "lost_total", "refused_total")
    lost = {name: counts[name] for name in losses if counts[name]}
    found.want(not lost, f"nothing lost, got {lost}")
    found.want(counts["spooled_total"] > 0, "results in the spool")
    found.want(grown < GROWN_MB, f"less than {GROWN_MB} MB more memory, got {grown:.0f}")


async def spooled(times: float, folder: Path, found: Finding) -> None:
    """Kill a publisher of ours, each time at another result, while Redis is away."""
    replayed = []
    for n in range(round(times)):
        place = folder / str(n)
        server = keeping(place / "server")  # not started: it is away
        command = [sys.executable, "-m", "tests.sinks.publisher", server.url, str(place)]
        told = await asyncio.to_thread(_killed_after, 1 + 17 * n, command)
        async with server, opened(url=server.url, folder=place) as sink:
            await until(lambda: not sink.counts()["waiting"], "an empty spool")
            async with Redis.from_url(server.url) as client:
                entries = await client.xrange("framewire:a:detect")
        got = [decode_result(fields[b"message"]).seq for _, fields in entries]
        found.want(got == list(range(len(got))), f"each once, in order, got {got}")
        # One was on disk and not yet said so.
        found.want(len(got) in {told, told + 1}, f"{told} results, got {len(got)}")
        replayed.append(len(got))
    found.say(f"{len(replayed)} kills after 1 to {max(replayed)} results, all replayed")


async def _torment(server: RedisServer, sink: RedisSink, times: int) -> None:
    for n in range(times):
        await asyncio.sleep(0.1 + 0.037 * (n % 7))
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(0.05 + 0.061 * (n % 11))
        await server.start()
        if n % 3:  # every third time it is killed while the spool is carried
            await until(lambda: not sink.counts()["waiting"], "an empty spool")
