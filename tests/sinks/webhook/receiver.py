"""A real HTTP server that takes messages, and can fail in every way that one can."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.servers.listening import HOST, listening

HANG, CUT, DRIP = "hang", "cut", "drip"


@dataclass(slots=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def messages(self) -> list[dict[str, object]]:
        return [msgspec.json.decode(line) for line in self.body.splitlines()]


@dataclass(slots=True)
class Receiver:
    """Answers with what stands in `answers`, then with `otherwise`.

    An answer is a status, with headers if need be (`"503 Retry-After: 1"`), or HANG (never), CUT
    (the connection breaks), DRIP (a byte now and then).

    got  all requests; `taken` those that were answered with 2xx
    """

    answers: deque[str] = field(default_factory=deque)
    otherwise: str = "200"
    reason: str = "Because"
    got: list[Request] = field(default_factory=list)
    taken: list[Request] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/hook"

    @property
    def seqs(self) -> list[object]:
        """Of the messages that were taken."""
        return [message["seq"] for request in self.taken for message in request.messages]

    async def until(self, holds: Callable[["Receiver"], bool]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(20):
            while not holds(self):
                self._news.clear()
                await self._news.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._answer(await _request(reader), writer):
                pass
        except (asyncio.IncompleteReadError, OSError):
            pass  # the other side has left
        finally:
            writer.transport.abort()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        answer = self.answers.popleft() if self.answers else self.otherwise
        self.got.append(request)
        if answer[0] == "2":
            self.taken.append(request)
        self._news.set()
        if answer == HANG:
            await asyncio.Event().wait()
        if answer == CUT:
            return False
        if answer == DRIP:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        status, _, header = answer.partition(" ")
        said = f"HTTP/1.1 {status} {self.reason}"
        lines = [said, "Content-Length: 2", *([header] if header else [])]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\nok")
        await writer.drain()
        return True


@asynccontextmanager
async def receiving(
    *answers: str,
    otherwise: str = "200",
    reason: str = "Because",
    port: int = 0,
    tls: Path | None = None,
) -> AsyncIterator[Receiver]:
    """A server on loopback."""
    receiver = Receiver(deque(answers), otherwise, reason)
    async with listening(receiver.serve, port, tls) as receiver.port:
        yield receiver


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    assert method == "POST"
    headers = dict(_pair(line) for line in head[1:-2])
    body = await reader.readexactly(int(headers["content-length"]))
    return Request(path, headers, body)


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()
