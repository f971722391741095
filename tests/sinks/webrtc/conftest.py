"""Viewers of a film, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
import pytest
from prometheus_client import CollectorRegistry

from pipeline.server import serving
from sinks.webrtc.viewers import Viewers
from sinks.webrtc.whep import Whep
from tests.factory import FPS
from tests.sinks.webrtc.film import Film


@dataclass
class Cinema:
    """A film, those who watch it, and a client at the door."""

    film: Film
    viewers: Viewers
    client: httpx.AsyncClient

    async def shown(self) -> None:
        """Wait for the film's next picture."""
        loop, seen = asyncio.get_running_loop(), asyncio.Event()
        ticket = self.film.attach(lambda _: loop.call_soon_threadsafe(seen.set))
        await seen.wait()
        ticket.close()


@asynccontextmanager
async def playing(film: Film, speed: float = 1.0) -> AsyncIterator[None]:
    """A film that runs at a camera's pace while the block does."""
    over = asyncio.Event()

    async def run() -> None:
        while not over.is_set():
            await asyncio.to_thread(film.step)
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), 1 / FPS / speed)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        over.set()
        await task


@pytest.fixture
async def cinema() -> AsyncIterator[Cinema]:
    """A film that runs, on the stream `a`."""
    film = Film()
    viewers = Viewers({"a": film}, most=5, patience_s=5.0)
    routes = Whep(lambda: viewers, lambda _request, _stream: True).routes()
    async with (
        serving("127.0.0.1:0", routes, dict, CollectorRegistry()) as address,
        httpx.AsyncClient(base_url=address, timeout=10) as client,
        playing(film),
    ):
        yield Cinema(film, viewers, client)
        await viewers.close()
