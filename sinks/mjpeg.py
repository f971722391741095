"""Live pictures as MJPEG and as snapshots, for old clients and other programs.

/                       a list of the streams, without scripts
/streams/{name}.mjpeg   one stream
/streams/{name}.jpg     its latest picture; also at /streams/{name}/snapshot.jpg

People look at the page of `sink: webrtc`, which marks what stands still. MJPEG cannot.
"""

import hashlib
import html
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import ClassVar, Literal

from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from sinks.feed import Feed, Look, Shown
from sinks.sink import Delivery, Sink, SinkContext
from sinks.stream_route import StreamRoute
from sinks.viewers import looked, viewer_of, watching
from stages.stage import Options

BOUNDARY = "framewire"
SNAPSHOT = "/streams/{name}/snapshot.jpg"
MIXED = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
LIVE = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"}

STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 1rem auto; padding: 0 1rem; }
ul { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none; }
img { display: block; max-width: min(18rem, 100%); }
"""
PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>framewire: streams</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<h1>Streams</h1>
<p>A picture here may stand still without a mark; <code>sink: webrtc</code> has the live page.</p>
<ul>ROWS</ul>
</body>
</html>
"""
ROW = '<li><a href="streams/{name}.mjpeg"><img src="streams/{name}.jpg" alt="">{name}</a></li>'
DIGEST = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{DIGEST}'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
}


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
    """Gives each frame with its results to old clients; costs nearly nothing while nobody looks.

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
        self._sent = 0  # bytes
        self.feeds = {stream: Feed(look) for stream in context.streams}

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Put the latest pictures up. Never waits for those who look."""
        for delivery in {delivery.frame.stream: delivery for delivery in batch}.values():
            self.feeds[delivery.frame.stream].offer(delivery)

    async def close(self) -> None:
        """End what goes on to those who look."""
        for feed in self.feeds.values():
            feed.close()

    def routes(self) -> Sequence[BaseRoute]:
        """The list, and the pictures."""
        return [
            Route("/", self._page),
            Route("/streams/{name}.mjpeg", self._live),
            Route("/streams/{name}.jpg", self._snapshot),
            StreamRoute(SNAPSHOT, self._snapshot, self.feeds, shared=True),
        ]

    def counts(self) -> Mapping[str, float]:
        """Those who watch, and what they got."""
        return {
            "viewers": sum(feed.watching for feed in self.feeds.values()),
            "sent_bytes_total": self._sent,
            "encoded_pictures_total": sum(feed.encoded for feed in self.feeds.values()),
        }

    def address(self) -> str:
        """The list."""
        return "/"

    async def _page(self, request: Request) -> Response:
        names = viewer_of(request).watchable(self.feeds)
        rows = "".join(ROW.format(name=html.escape(name)) for name in names)
        return HTMLResponse(PAGE.replace("ROWS", rows), headers=HEADERS)

    async def _live(self, request: Request) -> Response:
        return StreamingResponse(self._parts(self._known(request), request), 200, LIVE, MIXED)

    async def _snapshot(self, request: Request) -> Response:
        name = self._known(request)
        shown = await self.feeds[name].picture()
        if shown is None:
            raise HTTPException(503, f"{name} has given no picture yet", {"Retry-After": "1"})
        looked(request, name, "snapshot")
        return Response(shown.jpeg, 200, {**LIVE, **shown.headers})

    def _known(self, request: Request) -> str:
        name: str = request.path_params["name"]
        if name not in self.feeds or not viewer_of(request).may_watch(name):
            raise HTTPException(404, "no such stream")
        return name

    async def _parts(self, name: str, request: Request) -> AsyncIterator[bytes]:
        # The boundary comes behind each picture, not before the next one: Chromium shows a part
        # when it has seen the boundary after it.
        boundary = f"--{BOUNDARY}\r\n".encode()
        yield boundary
        async with aclosing(self.feeds[name].watch()) as pictures:
            with watching(request, name, "mjpeg"):
                async for shown in pictures:
                    part = _head(shown) + shown.jpeg + b"\r\n" + boundary
                    self._sent += len(part)
                    yield part


def _head(shown: Shown) -> bytes:
    return (
        "".join(f"{name}: {value}\r\n" for name, value in shown.headers.items()).encode() + b"\r\n"
    )
