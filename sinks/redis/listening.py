"""Watching over channels: as early as can be, and what was missed from the Streams."""

import asyncio
import time
from collections.abc import AsyncGenerator

from redis.asyncio import RedisCluster
from redis.exceptions import ResponseError

from sinks.errors import SinkLost
from sinks.redis.cancelled import heed
from sinks.redis.client import FAILED
from sinks.redis.connect import Connected, connect, disconnect
from sinks.redis.entries import backwards
from sinks.redis.heard import Heard
from sinks.redis.reading import address
from sinks.wire import Message
from stages.capture.backoff import Backoff

PATIENCE_S = 2.0  # for a missed message that may still be on its way from the sink's spool
AGAIN_S = 0.05
PAGE = 500
PAGES = 20  # of a Stream that are searched for what was missed


async def listen(heard: Heard) -> AsyncGenerator[Message, None]:
    """The messages of all wanted channels. See `watch`."""
    client = connect(address(heard))
    names, wanted = heard.wanted.names, heard.wanted
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    try:
        try:
            if isinstance(client, RedisCluster):
                await client.initialize()  # else its pubsub knows no node
            await pubsub.psubscribe(names.result(wanted.stream or "*", wanted.node or "*"))
            if wanted.events:
                await pubsub.subscribe(names.events)
        except FAILED as error:
            raise SinkLost(f"{address(heard).shown} is away: {error}") from error
        backoff = Backoff(0.05, 1.0)
        while True:
            try:
                told = await pubsub.get_message(timeout=1.0)
                heed()
                backoff.reset()
                if told is None:
                    continue
                key = told["channel"].decode()
                message = heard.decode(key, told["data"])
                missed = [] if message is None else await _missed(heard, client, key, message)
            except FAILED:  # it subscribes again by itself
                await asyncio.sleep(backoff.next())
                continue
            for one in missed:
                if heard.hear(one):
                    yield one
            if message is not None and heard.hear(message):
                yield message
    finally:
        await pubsub.aclose()  # type: ignore[no-untyped-call]
        await disconnect(client)


async def _missed(heard: Heard, client: Connected, key: str, message: Message) -> list[Message]:
    """What lies between the last message and this one, as far as the Stream has it, in order."""
    gap = heard.gap(message)
    if not gap:
        return []
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            found = await _search(heard, client, key, message.run, gap)
        except ResponseError:  # who may only listen gets what comes, and is told of the gap
            return []
        except FAILED:
            found = {}
        if len(found) == len(gap) or time.monotonic() > until:
            return [found[number] for number in sorted(found)]
        await asyncio.sleep(AGAIN_S)


async def _search(
    heard: Heard, client: Connected, key: str, run: str | None, gap: range
) -> dict[int, Message]:
    """Messages of a run by their numbers, from the end of the Stream backwards."""
    found: dict[int, Message] = {}
    end = "+"
    for _ in range(PAGES):
        entries = await backwards(client, key, end, PAGE)
        for _, fields in entries:
            one = heard.decode(key, fields.get(b"message", b""))
            if one is None or one.run != run or one.number is None:
                continue
            if one.number in gap:
                found[one.number] = one
            if one.number < gap.start:
                return found
        if len(entries) < PAGE or len(found) == len(gap):
            break
        end = f"({entries[-1][0].decode()}"
    return found
