"""Watching over Streams: from a place on, several at once, across outages."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable
from typing import cast

from redis.asyncio import RedisCluster
from redis.exceptions import NoPermissionError

from sinks.errors import BadSink, SinkLost
from sinks.redis.cancelled import heed
from sinks.redis.client import FAILED, refuses
from sinks.redis.connect import Address, Connected, connect, disconnect
from sinks.redis.entries import Entry, backwards, by_stream
from sinks.redis.heard import Heard
from sinks.wire import Message
from stages.capture.backoff import Backoff

BLOCK_MS = 1000
LOOK_S = 1.0  # seconds between two looks for new Streams
PAUSE_S = 0.1  # where nothing can be waited for: no Streams yet, or a Cluster's
AT_ONCE = 200
ANSWER_S = 5.0


async def read(heard: Heard) -> AsyncGenerator[Message, None]:
    """The messages of all wanted Streams. See `watch`."""
    client = connect(address(heard))
    try:
        reader = _Reader(heard, client)
        await reader.look()
        backoff = Backoff(0.05, 1.0)
        while True:
            try:
                found = [one async for one in reader.next()]
            except FAILED as error:
                shown = address(heard).shown
                if isinstance(error, NoPermissionError) or refuses(error):
                    raise BadSink(f"{shown}: wanted to read on, got: {error}") from error
                if not heard.wanted.follow:
                    raise SinkLost(f"{shown} is away: {error}") from error
                await asyncio.sleep(backoff.next())
                continue
            heed()
            backoff.reset()
            for key, (place, fields) in found:
                message = heard.decode(key, fields.get(b"message", b""))
                if message is not None and heard.hear(message):
                    yield message
                heard.positions[key] = place.decode()
            if not found and not heard.wanted.follow:
                return
    finally:
        await disconnect(client)


def address(heard: Heard) -> Address:
    """Where its Redis is."""
    wanted = heard.wanted
    return Address(wanted.url, ANSWER_S, wanted.names.cluster, wanted.ca)


class _Reader:
    """Where each Stream has been read to, and what comes next."""

    def __init__(self, heard: Heard, client: Connected) -> None:
        self._heard = heard
        self._client = client
        self._places = heard.positions
        self._looked = float("-inf")
        self._first = True

    async def look(self) -> None:
        """Find the Streams that are there. Raises SinkLost at the first look if Redis is away."""
        wanted, client = self._heard.wanted, self._client
        try:
            names = await cast("Awaitable[set[bytes]]", client.smembers(wanted.names.index))
            for name in sorted(names):
                key = name.decode()
                if key not in self._places and wanted.takes_key(key):
                    self._places[key] = await self._begin(key)
        except FAILED as error:
            if self._first:
                raise SinkLost(f"{address(self._heard).shown} is away: {error}") from error
            raise
        self._looked, self._first = time.monotonic(), False

    async def next(self) -> AsyncIterator[tuple[str, Entry]]:
        """The next entries, each with its Stream; none if none came within a second."""
        if time.monotonic() - self._looked > LOOK_S:
            await self.look()
        came = False
        for places in self._together():
            # A Cluster's Streams lie on several nodes: none may be waited for.
            block = BLOCK_MS if self._heard.wanted.follow and not self._clustered else None
            reply = await self._client.xread(places, count=AT_ONCE, block=block)  # type: ignore[arg-type]
            for name, entries in by_stream(reply):
                for entry in entries:
                    came = True
                    yield name.decode(), entry
        if not came and self._heard.wanted.follow and (self._clustered or not self._places):
            await asyncio.sleep(PAUSE_S)

    @property
    def _clustered(self) -> bool:
        return isinstance(self._client, RedisCluster)

    def _together(self) -> Iterable[dict[str, str]]:
        """Streams that can be read with one command."""
        if self._clustered:
            return [{key: place} for key, place in self._places.items()]
        return [dict(self._places)] if self._places else []

    async def _begin(self, key: str) -> str:
        told = self._heard.wanted.begin(key)
        if told is not None or not self._first:  # a Stream that is new is wanted as a whole
            return told or "0"
        last = await backwards(self._client, key, "+", 1)
        return last[0][0].decode() if last else "0"
