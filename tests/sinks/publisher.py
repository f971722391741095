"""A process with a sink of Redis, which says what was acknowledged and waits to be killed."""

import asyncio
import sys
from pathlib import Path

from sinks.redis import RedisOptions, RedisSink
from sinks.sink import SinkContext
from tests.factory import delivery, detections, grey_frame


async def main(url: str, folder: str) -> None:
    sink = RedisSink(RedisOptions(url=url), SinkContext("redis", ("a",), Path(folder)))
    await sink.open()
    for seq in range(1_000_000):
        await sink.write([delivery(grey_frame(seq, results={"detect": detections()}))])
        print(seq, flush=True)


asyncio.run(main(*sys.argv[1:]))
