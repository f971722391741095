"""A sink of Redis, and somebody who listens to it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import psutil
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from sinks.redis import RedisOptions, RedisSink
from sinks.sink import GraphNode, SinkContext
from stages.events import Event

NOTHING: Mapping[str, GraphNode] = MappingProxyType({})


async def until(holds: Callable[[], bool], limit_s: float = 30) -> None:
    """Look again and again whether something holds."""
    async with asyncio.timeout(limit_s):
        while not holds():  # noqa: ASYNC110 - of others, who tell nobody
            await asyncio.sleep(0.005)


@asynccontextmanager
async def opened(
    graph: Mapping[str, GraphNode] = NOTHING, **options: object
) -> AsyncIterator[RedisSink]:
    """A sink without a spool, unless `folder` says where it is; what it announces it is told.

    graph  its context's
    """
    folder = options.pop("folder", None)
    spool = {} if isinstance(folder, Path) else {"spool_mb": 0}
    told: set[asyncio.Task[None]] = set()
    in_turn = asyncio.Lock()

    async def carry(event: Event) -> None:
        async with in_turn:
            await sink.announce(event)

    def announce(event: Event) -> None:  # as the pipeline does, to all sinks
        told.add(asyncio.get_running_loop().create_task(carry(event)))

    folder = folder if isinstance(folder, Path) else Path()
    context = SinkContext("redis", ("a", "b"), folder, graph=graph, announce=announce)
    sink = RedisSink(RedisOptions.model_validate({**spool, **options}), context)
    await sink.open()
    try:
        yield sink
    finally:
        await asyncio.gather(*told)
        await sink.close()


async def heard(pubsub: PubSub, count: int) -> list[tuple[str, bytes]]:
    """The next messages, each with its channel."""
    found: list[tuple[str, bytes]] = []
    async with asyncio.timeout(10):
        async for message in pubsub.listen():
            if message["type"] in {"message", "pmessage"}:
                found.append((message["channel"].decode(), message["data"]))
                if len(found) == count:
                    break
    return found


async def subscribed(client: Redis, pattern: str) -> PubSub:
    pubsub = client.pubsub()
    await pubsub.psubscribe(pattern)
    await pubsub.get_message(timeout=5)
    return pubsub


async def kept(client: Redis, key: str) -> list[bytes]:
    """The messages in a Stream, the oldest first."""
    return [fields[b"message"] for _, fields in await client.xrange(key)]


def server_process() -> psutil.Process:
    (found,) = [p for p in psutil.Process().children() if "valkey-server" in p.name()]
    return found
