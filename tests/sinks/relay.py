"""A line to a server that can be cut, and mended, while the server goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

HOST = "127.0.0.1"


class Relay:
    """A port that passes on what comes to another one, while it is not cut.

    to  that port; a new one counts for connections that are made from then on
    """

    def __init__(self, to: int) -> None:
        self.port = 0
        self.to = to
        self._server: asyncio.Server | None = None
        self._writers = set[asyncio.StreamWriter]()
        self._pumps = set[asyncio.Task[None]]()

    async def mend(self) -> None:
        """Listen, on the same port each time."""
        self._server = await asyncio.start_server(self._join, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End all connections, and take no new ones."""
        assert self._server is not None
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self._pumps.clear()
        await self._server.wait_closed()

    def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None or not self._server.is_serving():  # accepted as it was cut
            writer.transport.abort()
            return
        self._writers.add(writer)
        self._pumps.add(asyncio.create_task(self._connect(reader, writer)))

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(HOST, self.to)
        self._writers.add(inner_writer)
        for source, target in ((reader, inner_writer), (inner_reader, writer)):
            self._pumps.add(asyncio.create_task(_pump(source, target)))


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
    except OSError:
        pass  # cut
    finally:
        target.transport.abort()


@asynccontextmanager
async def relaying(to: int) -> AsyncIterator[Relay]:
    relay = Relay(to)
    await relay.mend()
    try:
        yield relay
    finally:
        await relay.cut()
