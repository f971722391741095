"""A Redis that is there and takes nothing for a while."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from sinks.embedded_redis import HOST
from tests.factory import deliveries
from tests.sinks.redis_parts import kept, opened, until
from tests.sinks.redis_server import RedisServer
from tests.sinks.relay import relaying

KEY = "framewire:a:detect"


@asynccontextmanager
async def busy(folder: Path) -> AsyncIterator[Redis]:
    """A server that runs somebody's script, which does not end by itself."""
    async with (
        RedisServer(folder, "--busy-reply-threshold", "1") as server,
        Redis.from_url(server.url, socket_timeout=60) as somebody,
        Redis.from_url(server.url) as client,
    ):
        running = asyncio.create_task(somebody.eval("while true do end", 0))  # type: ignore[arg-type]
        try:
            await _says(client, "BUSY")
            yield client
        finally:
            if not running.done():
                await client.execute_command("SCRIPT", "KILL")
            await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def without_a_disk(folder: Path) -> AsyncIterator[Redis]:
    """A server that cannot save what it holds, and so takes nothing more."""
    async with RedisServer(folder) as server, Redis.from_url(server.url) as client:
        await client.config_set("save", "1000 1")
        await client.set("somebody", "else")
        shutil.rmtree(folder)
        await client.bgsave()
        await _says(client, "MISCONF")
        yield client


async def _says(client: Redis, word: str) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await client.ping()
            except ResponseError as error:
                if str(error).startswith(word):
                    return


def address(client: Redis) -> str:
    return f"redis://{HOST}:{client.connection_pool.connection_kwargs['port']}"


async def test_a_script_of_somebody_else_is_waited_for(tmp_path: Path) -> None:
    async with busy(tmp_path / "server") as client:
        async with opened(url=address(client), folder=tmp_path) as sink:  # and does not stop it
            await sink.write(deliveries(3))
            assert sink.counts()["spooled_total"] == 3
            await client.execute_command("SCRIPT", "KILL")
            await until(lambda: not sink.counts()["waiting"])
        assert len(await kept(client, KEY)) == 3


async def test_a_redis_that_cannot_save_is_waited_for(tmp_path: Path) -> None:
    async with without_a_disk(tmp_path / "server") as client:
        async with opened(url=address(client), folder=tmp_path) as sink:
            await sink.write(deliveries(3))
            assert sink.counts()["spooled_total"] == 3
            await client.config_set("stop-writes-on-bgsave-error", "no")
            await until(lambda: not sink.counts()["waiting"])
        assert len(await kept(client, KEY)) == 3


async def test_a_master_that_became_a_replica_is_left_for_the_new_one(tmp_path: Path) -> None:
    async with (
        RedisServer(tmp_path / "old") as old,
        RedisServer(tmp_path / "new") as new,
        relaying(old.port) as relay,
        opened(url=f"redis://{HOST}:{relay.port}", folder=tmp_path, heartbeat_s=0) as sink,
        Redis.from_url(old.url) as client,
        Redis.from_url(new.url) as other,
    ):
        await sink.write(deliveries(1))
        await client.replicaof(HOST, new.port)
        relay.to = new.port
        await sink.write(deliveries(2))
        await until(lambda: not sink.counts()["waiting"])
        assert len(await kept(other, KEY)) == 2
