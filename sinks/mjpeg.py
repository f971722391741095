"""A page with the live pictures, and each of them as MJPEG and as a snapshot.

/                       the page
/streams.json           the streams, and how old the latest picture of each is
/streams.mjpeg          the pictures of all streams over one connection, as the page reads them
/streams/{name}.mjpeg   one stream, for `<img>` and for other programs
/streams/{name}.jpg     its latest picture; also at /streams/{name}/snapshot.jpg
"""

import asyncio
import html
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from importlib.resources import files
from typing import ClassVar, Literal

from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from sinks.feed import Board, Look, Shown
from sinks.sink import Delivery, Sink, SinkContext
from sinks.stream_route import StreamRoute
from sinks.viewers import looked, viewer_of, watching
from stages.stage import Options

BOUNDARY = "framewire"
SNAPSHOT = "/streams/{name}/snapshot.jpg"
MIXED = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
LIVE = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"}
PAGE = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
ASSETS = {"page.css": "text/css", "page.js": "text/javascript"}


class MjpegOptions(Options):
    """The keys of `sink: mjpeg`."""

    quality: int = Field(80, ge=1, le=100, description="Of the JPEG, 1 to 100.")
    max_fps: float = Field(
        15, gt=0, le=120, description="Pictures of a stream in a second, at most."
    )
    width: int = Field(
        1280, ge=160, le=7680, description="Wider pictures are made smaller, to this many pixels."
    )
    min_width: int = Field(
        640,
        ge=2,
        le=7680,
        description="Narrower pictures are enlarged to this width in pixels, so that what is "
        "drawn on them can be read.",
    )
    caption: bool = Field(False, description="Write the stream's name and time into the picture.")


class MjpegSink(Sink):
    """Shows each frame with its results to whoever looks; costs nearly nothing while nobody does.

    A picture is encoded once for all who look. One who is slow misses pictures and holds up
    nobody.
    """

    Options = MjpegOptions
    mode: ClassVar[Literal["each", "frame"]] = "frame"

    def __init__(self, options: MjpegOptions, context: SinkContext) -> None:
        """Nothing to see yet."""
        least = min(options.min_width, options.width)
        look = Look(
            *(options.quality, least, options.width, options.max_fps, options.caption),
            guards=context.guards,
        )
        self._streams = context.streams
        self._sent = 0  # bytes
        self.board = Board(context.streams, look)

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Put the latest pictures up. Never waits for those who look."""
        for delivery in {delivery.frame.stream: delivery for delivery in batch}.values():
            self.board.offer(delivery)

    async def close(self) -> None:
        """End what goes on to those who look."""
        self.board.close()

    def routes(self) -> Sequence[BaseRoute]:
        """The page, its parts, and the pictures."""
        return [
            Route("/", self._page),
            Route("/page/{asset}", _asset),
            Route("/streams.json", self._list),
            Route("/streams.mjpeg", self._all),
            Route("/streams/{name}.mjpeg", self._one),
            Route("/streams/{name}.jpg", self._snapshot),
            StreamRoute(SNAPSHOT, self._snapshot, self._streams, shared=True),
        ]

    def counts(self) -> Mapping[str, float]:
        """Those who watch, and what they got."""
        return {
            "viewers": self.board.watching,
            "sent_bytes_total": self._sent,
            "encoded_pictures_total": sum(feed.encoded for feed in self.board.feeds.values()),
        }

    def address(self) -> str:
        """The page."""
        return "/"

    async def _page(self, request: Request) -> Response:
        page = await asyncio.to_thread(_read, "page.html")
        names = [html.escape(name) for name in viewer_of(request).watchable(self._streams)]
        links = "".join(f'<li><a href="streams/{name}.mjpeg">{name}</a></li>' for name in names)
        page = page.replace("STREAMS", " ".join(names)).replace("LINKS", links)
        return Response(page, 200, PAGE, "text/html")

    async def _list(self, request: Request) -> Response:
        names = viewer_of(request).watchable(self.board.feeds)
        streams = [{"name": name, **self.board.feeds[name].state()} for name in names]
        return JSONResponse({"streams": streams}, headers=LIVE)

    async def _all(self, request: Request) -> Response:
        names = viewer_of(request).watchable(self._streams)
        return StreamingResponse(self._parts(names, request), 200, LIVE, MIXED)

    async def _one(self, request: Request) -> Response:
        return StreamingResponse(self._parts([self._known(request)], request), 200, LIVE, MIXED)

    async def _snapshot(self, request: Request) -> Response:
        name = self._known(request)
        shown = await self.board.feeds[name].picture()
        if shown is None:
            raise HTTPException(503, f"{name} has given no picture yet", {"Retry-After": "1"})
        looked(request, name, "snapshot")
        return Response(shown.jpeg, 200, {**LIVE, **shown.headers})

    def _known(self, request: Request) -> str:
        name: str = request.path_params["name"]
        if name not in self.board.feeds or not viewer_of(request).may_watch(name):
            raise HTTPException(404, "no such stream")
        return name

    async def _parts(self, streams: Sequence[str], request: Request) -> AsyncIterator[bytes]:
        # The boundary comes behind each picture, not before the next one: Chromium shows a part
        # when it has seen the boundary after it.
        boundary = f"--{BOUNDARY}\r\n".encode()
        yield boundary
        async with aclosing(self.board.watch(streams)) as pictures, AsyncExitStack() as watched:
            for stream in streams:
                watched.enter_context(watching(request, stream, "mjpeg"))
            async for shown in pictures:
                part = _head(shown) + shown.jpeg + b"\r\n" + boundary
                self._sent += len(part)
                yield part


async def _asset(request: Request) -> Response:
    name = request.path_params["asset"]
    if name not in ASSETS:
        raise HTTPException(404, "no such file")
    return Response(await asyncio.to_thread(_read, name), 200, PAGE, ASSETS[name])


def _read(name: str) -> str:
    return files("sinks").joinpath("page", name).read_text("utf-8")


def _head(shown: Shown) -> bytes:
    return (
        "".join(f"{name}: {value}\r\n" for name, value in shown.headers.items()).encode() + b"\r\n"
    )
