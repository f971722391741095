"""HLS over HTTP.

/streams/{name}/index.m3u8      the playlist; with _HLS_msn and _HLS_part as soon as it holds those
/streams/{name}/{file}.mp4      an initialisation section
/streams/{name}/{file}.m4s      a segment or a part; the next part as soon as it is there

Files are looked up by their exact names among those that the playlist has named.
"""

import re
from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from sinks.restream.hls import Hls
from sinks.restream.playlist import playlist
from sinks.restream.shelf import Shelf
from sinks.stream_route import StreamRoute
from sinks.viewers import looked, viewer_of

PLAYLIST, MP4 = "application/vnd.apple.mpegurl", "video/mp4"
CORP = {"Cross-Origin-Resource-Policy": "same-origin"}
LIVE = {"Cache-Control": "no-store", **CORP}
KEPT = {"Cache-Control": "private, max-age=60, immutable", **CORP}

FIRST_S = 12.0  # that a player waits for the first segments
AHEAD = 2  # segments beyond the newest that may be asked for (RFC 8216bis, 6.2.5.2)
WAIT = 3  # target durations that a player waits for what it asked for (6.2.5.2)
NUMBER = re.compile(r"[0-9]{1,9}")


class HlsRoutes:
    """What players ask for."""

    def __init__(self, streams: Mapping[str, Hls], first_s: float = FIRST_S) -> None:
        """By stream.

        first_s  seconds that a player is kept waiting for the first segments
        """
        self._streams = streams
        self._first_s = first_s

    def routes(self) -> Sequence[BaseRoute]:
        """See the module."""
        streams = self._streams.keys()
        return [
            StreamRoute("/streams/{name}/index.m3u8", self._playlist, streams),
            StreamRoute("/streams/{name}/{file}.mp4", self._head, streams),
            StreamRoute("/streams/{name}/{file}.m4s", self._media, streams),
        ]

    def _known(self, request: Request) -> Shelf:
        """The stream that is asked for. The one place that says who may see it."""
        name = request.path_params["name"]
        hls = self._streams.get(name)
        if hls is None or not viewer_of(request).may_watch(name):
            raise HTTPException(404, "no such stream")
        looked(request, name, "hls")
        hls.want()
        return hls.shelf

    async def _playlist(self, request: Request) -> Response:
        shelf = self._known(request)
        number, part = _asked(request, "_HLS_msn"), _asked(request, "_HLS_part")
        if part is not None and number is None:
            raise HTTPException(400, "_HLS_part: wanted _HLS_msn beside it")
        if not await shelf.until(lambda: shelf.ready, self._first_s):
            raise HTTPException(503, "the stream has only begun", {"Retry-After": "1"})
        if number is not None:
            newest = shelf.first + len(shelf.segments) - 1
            if number > newest + AHEAD:
                raise HTTPException(
                    400, f"_HLS_msn: wanted at most {newest + AHEAD} now, got {number}"
                )
            wanted = number
            if not await shelf.until(lambda: shelf.has(wanted, part), WAIT * shelf.longest):
                raise HTTPException(503, "the stream has stopped", {"Retry-After": "1"})
        return Response(playlist(shelf), 200, LIVE, PLAYLIST)

    async def _head(self, request: Request) -> Response:
        shelf = self._known(request)
        return _file(shelf, request.path_params["file"] + ".mp4")

    async def _media(self, request: Request) -> Response:
        shelf = self._known(request)
        name = request.path_params["file"] + ".m4s"
        if name == shelf.hint:
            wait = WAIT * max(1, shelf.longest)
            await shelf.until(lambda: name != shelf.hint, wait)
        return _file(shelf, name)


def _file(shelf: Shelf, name: str) -> Response:
    data = shelf.file(name)
    if data is None:
        raise HTTPException(404, "no such file, or no longer")
    return Response(data, 200, KEPT, MP4)


def _asked(request: Request, key: str) -> int | None:
    text = request.query_params.get(key)
    if text is None:
        return None
    if NUMBER.fullmatch(text) is None:
        raise HTTPException(400, f"{key}: wanted a number from 0 on, got {text[:20]!r}")
    return int(text)
