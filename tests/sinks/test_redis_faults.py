"""Redis killed again and again, and we too: what was acknowledged arrives."""

import asyncio
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import psutil
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from sinks.redis import RedisSink
from sinks.redis.entries import by_stream
from sinks.wire import decode_result
from tests.factory import delivery, detections, grey_frame
from tests.sinks.redis_parts import opened, until
from tests.sinks.redis_server import RedisServer, keeping

KILLS = 20
PER_S = 100  # results of each of two streams in a second
KEYS = {f"framewire:{stream}:detect": stream for stream in "ab"}


class Consumer:
    """Reads Streams from the beginning on, and drops what it has had, by its id.

    numbers  of what it has got, by stream
    doubles  entries that it dropped
    """

    def __init__(self, url: str) -> None:
        self.numbers: dict[str, list[int]] = defaultdict(list)
        self.doubles = 0
        self._seen: set[bytes] = set()
        self._client = Redis.from_url(url, retry=Retry(ExponentialBackoff(cap=0.1), 1000))

    async def read_until(self, count: int) -> None:
        """Until it has got so many of each stream."""
        last = dict.fromkeys(KEYS, b"0")
        while any(len(self.numbers[stream]) < count for stream in KEYS.values()):
            for key, entries in by_stream(await self._client.xread(last, block=1000)):
                for place, fields in entries:
                    last[key.decode()] = place
                    self._take(fields)
        await self._client.aclose()

    def _take(self, fields: dict[bytes, bytes]) -> None:
        if fields[b"id"] in self._seen:
            self.doubles += 1
            return
        self._seen.add(fields[b"id"])
        message = decode_result(fields[b"message"])
        self.numbers[message.stream].append(message.seq)


async def produce(sink: RedisSink, over: asyncio.Event) -> int:
    """Give results of two streams at their rate until it is over; how many of each."""
    loop = asyncio.get_running_loop()
    began, seq = loop.time(), 0
    while not over.is_set():
        frames = [grey_frame(seq, stream, results={"detect": detections()}) for stream in "ab"]
        await sink.write([delivery(frame) for frame in frames])
        seq += 1
        await asyncio.sleep(began + seq / PER_S - loop.time())
    return seq


async def torment(server: RedisServer, sink: RedisSink) -> None:
    """Kill it and start it again, each time at another point of the producer's work."""
    for n in range(KILLS):
        await asyncio.sleep(0.1 + 0.037 * (n % 7))
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(0.05 + 0.061 * (n % 11))
        await server.start()
        if n % 3:  # every third time it is killed while the spool is carried
            await until(lambda: not sink.counts()["waiting"])


def _killed_after(lines: int, command: list[str]) -> int:
    """Kill a process when it has said so many lines, at least; how many it had said."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as ours:
        assert ours.stdout is not None
        said = [ours.stdout.readline() for _ in range(lines)]
        ours.kill()
        said += ours.stdout.readlines()
    return sum(line.endswith(b"\n") and line.strip().isdigit() for line in said)


@pytest.mark.slow
async def test_a_redis_that_is_killed_twenty_times_costs_no_result(tmp_path: Path) -> None:
    rss = psutil.Process().memory_info().rss
    async with keeping(tmp_path / "server") as server:
        options = {"url": server.url, "folder": tmp_path, "stream_length": 100_000}
        async with opened(**options, give_up_s=0.5) as sink:
            over = asyncio.Event()
            producing = asyncio.create_task(produce(sink, over))
            consumer = Consumer(server.url)
            reading = asyncio.create_task(consumer.read_until(1_000_000))
            await torment(server, sink)
            over.set()
            count = await producing
            await until(lambda: all(len(consumer.numbers[stream]) >= count for stream in "ab"))
            reading.cancel()
            counts = sink.counts()
    grown = (psutil.Process().memory_info().rss - rss) / 2**20
    print(f"{count} results of each stream, {consumer.doubles} doubles dropped, "
          f"{dict(counts)}, {grown:.0f} MB grown")  # fmt: skip
    for stream in "ab":
        assert consumer.numbers[stream] == list(range(count))
    assert counts["spooled_total"] > 0
    assert counts["dropped_total"] == counts["lost_total"] == counts["refused_total"] == 0
    assert grown < 64


@pytest.mark.slow
@pytest.mark.parametrize("lines", [1, 2, 37, 150])
async def test_a_kill_of_ours_while_redis_is_away_costs_nothing_acknowledged(
    tmp_path: Path, lines: int
) -> None:
    server = keeping(tmp_path / "server")  # not started: it is away
    command = [sys.executable, "-m", "tests.sinks.publisher", server.url, str(tmp_path)]
    acknowledged = await asyncio.to_thread(_killed_after, lines, command)
    async with server, opened(url=server.url, folder=tmp_path) as sink:
        await until(lambda: not sink.counts()["waiting"])
        async with Redis.from_url(server.url) as client:
            entries = await client.xrange("framewire:a:detect")
    found = [decode_result(fields[b"message"]).seq for _, fields in entries]
    assert found == list(range(len(found)))
    assert len(found) in {acknowledged, acknowledged + 1}  # one was on disk and not yet said so
    assert len({fields[b"id"] for _, fields in entries}) == len(found)
