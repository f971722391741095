"""A small HTTP server for the tests: MJPEG like an IP camera's, live HLS, and files.

/mjpeg         pictures of a test card as multipart/x-mixed-replace, without end
/live.m3u8     live HLS: a window of three segments that moves on
/files/NAME    a file of the folder

Loopback only. python -m tests.servers.http --files FOLDER   prints its address and serves
"""

import argparse
import asyncio
import base64
import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import cv2

from stages.capture.testcard import Card
from tests.servers.film import film

HOST = "127.0.0.1"
BOUNDARY = "picture"
WINDOW = 3  # segments in a live HLS playlist


@dataclass(slots=True)
class HttpServer:
    """Serves a test card of `size` at `fps`, and the files of a folder.

    auth         "user:password" that every request must bring
    stall_after  MJPEG pictures after which nothing more is sent
    mute         take the connection and never say a word
    """

    size: tuple[int, int] = (320, 240)
    fps: int = 25
    files: Path | None = None
    auth: str | None = None
    stall_after: int | None = None
    mute: bool = False
    port: int = 0
    segment_s: float = 0.4
    began: float = field(default_factory=time.monotonic)
    _segments: list[bytes] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def url(self, path: str = "mjpeg") -> str:
        """Where something is read from; without the password."""
        return f"http://{HOST}:{self.port}/{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            if self.mute:
                await reader.read()
            else:
                await self._answer(head, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(self, head: str, writer: asyncio.StreamWriter) -> None:
        path = head.split(" ", 2)[1]
        if self.auth and f"Basic {base64.b64encode(self.auth.encode()).decode()}" not in head:
            await _reply(writer, "401 Unauthorized", b"", 'WWW-Authenticate: Basic realm="test"')
        elif path.startswith("/mjpeg"):
            await self._mjpeg(writer)
        elif path == "/live.m3u8":
            await _reply(writer, "200 OK", self._playlist().encode())
        elif path.startswith("/segment"):
            number = int(path.removeprefix("/segment").removesuffix(".ts"))
            await _reply(writer, "200 OK", self._segment(number))
        elif self.files and path.startswith("/files/") and (self.files / Path(path).name).exists():
            await _reply(writer, "200 OK", (self.files / Path(path).name).read_bytes())
        else:
            await _reply(writer, "404 Not Found", b"")

    async def _mjpeg(self, writer: asyncio.StreamWriter) -> None:
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())
        card, began, number = Card(*self.size), time.monotonic(), 0
        while number != self.stall_after:
            _, jpeg = cv2.imencode(".jpg", card.draw(number).bgr)
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}"
            writer.write(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + jpeg.tobytes() + b"\r\n")
            await writer.drain()
            number += 1
            await asyncio.sleep(began + number / self.fps - time.monotonic())
        await asyncio.Event().wait()

    def _playlist(self) -> str:
        newest = int((time.monotonic() - self.began) / self.segment_s)
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1"]
        lines += [f"#EXT-X-MEDIA-SEQUENCE:{newest}"]
        for number in range(newest, newest + WINDOW):
            lines += [f"#EXTINF:{self.segment_s:.3f},", f"segment{number}.ts"]
        return "\n".join([*lines, ""])

    def _segment(self, number: int) -> bytes:
        count = round(self.segment_s * self.fps)
        return film(self.size, count, fps=self.fps, first=number * count, container="mpegts")


async def _reply(writer: asyncio.StreamWriter, status: str, body: bytes, extra: str = "") -> None:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    head += [extra] if extra else []
    writer.write(("\r\n".join(head) + "\r\n\r\n").encode() + body)
    await writer.drain()


async def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.servers.http", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--files", type=Path)
    parser.add_argument("--stall-after", type=int)
    told = parser.parse_args()
    server = HttpServer(files=told.files, stall_after=told.stall_after, port=told.port)
    async with server:
        print(server.url(), server.url("live.m3u8"), "", sep="\n", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main())
