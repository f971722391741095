"""Tells who is running, and keeps Streams as young as they are to be."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal, cast

import msgspec
import structlog

from sinks.errors import SinkError
from sinks.redis.client import Command, RedisClient
from sinks.redis.names import Names
from sinks.version import version
from sinks.wire import moment

CUT_S = 5.0  # seconds between two cuts where no signs of life are wanted
BEATS = 3  # heartbeats that may be missed before somebody is taken for gone

log = structlog.get_logger()


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A sink that runs, as it tells of itself.

    run      names it; the messages that it sends carry it
    sink     its name in the config
    streams  that can reach it
    counts   what became of its results so far
    """

    schema: Literal[1] = 1
    run: str
    sink: str
    host: str
    pid: int
    version: str
    began: str
    at: str
    streams: tuple[str, ...]
    counts: Mapping[str, float]


class Presence:
    """Gives a sign of life of one sink, again and again, until it leaves.

    Where that fails it is left out: those who look see by its expiry that nobody came.
    """

    def __init__(
        self, client: RedisClient, names: Names, run: str, every_s: float, age_s: float
    ) -> None:
        """`every_s` 0 gives no signs; `age_s`: to which Streams are cut, 0 not at all."""
        self._client = client
        self._names = names
        self._run = run
        self._every = every_s
        self._age = age_s
        self._began = moment(datetime.now(UTC))

    async def keep(
        self, sink: str, streams: tuple[str, ...], counts: Callable[[], Mapping[str, float]],
        keys: Callable[[], tuple[str, ...]],
    ) -> None:  # fmt: skip
        """Give signs until cancelled; then take them back.

        keys  the Streams that it has written to
        """
        try:
            while True:
                if self._every:
                    await self._try(self._sign(sink, streams, counts()))
                if self._age and keys():
                    await self._cut(keys())
                await asyncio.sleep(self._every or CUT_S)
        finally:
            if self._every:
                names = self._names
                await self._try(
                    [("DEL", names.instance(self._run)), ("ZREM", names.instances, self._run)]
                )

    def _sign(
        self, sink: str, streams: tuple[str, ...], counts: Mapping[str, float]
    ) -> list[Command]:
        now, names, stays = datetime.now(UTC), self._names, self._every * BEATS
        told = Instance(
            run=self._run, sink=sink, host=socket.gethostname(), pid=os.getpid(),
            version=version(), began=self._began, at=moment(now), streams=streams, counts=counts,
        )  # fmt: skip
        expires, data = round(stays * 1e3), msgspec.json.encode(told)
        return [
            ("SET", names.instance(self._run), data, "PX", expires),
            ("ZADD", names.instances, now.timestamp() + stays, self._run),
            ("ZREMRANGEBYSCORE", names.instances, "-inf", f"({now.timestamp()}"),
            ("PEXPIRE", names.instances, expires),
        ]

    async def _cut(self, keys: tuple[str, ...]) -> None:
        """Take what is too old out of the Streams; one that nobody writes to goes as a whole."""
        try:
            (told,) = await self._client.run([("TIME",)])
        except SinkError as error:
            log.debug("streams are not cut", error=str(error))
            return
        seconds, _ = cast("tuple[object, object]", told)
        oldest = round((int(str(seconds)) - self._age) * 1e3)
        stays = round((self._age + (self._every or CUT_S) * BEATS) * 1e3)
        commands: list[Command] = []
        for key in keys:
            commands.append(("XTRIM", key, "MINID", "~", oldest))
            commands.append(("PEXPIRE", key, stays))
        await self._try(commands)

    async def _try(self, commands: list[Command]) -> None:
        try:
            await self._client.run(commands)
        except SinkError as error:
            log.debug("no sign of life given", error=str(error))
