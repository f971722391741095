"""Recordings over HTTP, by their ids: no part of a path ever comes from a request.

/api/recordings         what there is: [?stream=NAME] [&after=MOMENT] [&before=MOMENT]
/recordings/{id}.mp4    a video, whole or in parts (Range); also while it is being written
/recordings/{id}.vtt    what was said about it, for a `<track kind="metadata">`
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from sinks.record.index import Entry, Span, find, search
from sinks.record.segment import ID
from sinks.record.vtt import vtt
from sinks.viewers import looked, viewer_of
from sinks.wire import moment

LIVE = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"}
KEPT = {"Cache-Control": "private, max-age=3600", "Cross-Origin-Resource-Policy": "same-origin"}
CHUNK = 1 << 18
LONGEST = 40  # characters of a moment


class Shelf:
    """Shows the recordings of a folder to whoever may see their streams."""

    def __init__(self, folder: Path, streams: Sequence[str]) -> None:
        """`streams`: those whose recordings are shown."""
        self._folder = folder
        self._streams = tuple(streams)

    def routes(self) -> Sequence[BaseRoute]:
        """See the module."""
        return [
            Route("/api/recordings", self._list),
            Route("/recordings/{id}.mp4", self._video),
            Route("/recordings/{id}.vtt", self._track),
        ]

    async def _list(self, request: Request) -> Response:
        wanted = request.query_params.get("stream")
        streams = viewer_of(request).watchable(self._streams)
        if wanted is not None:
            if wanted not in streams:
                raise HTTPException(404, "no such stream")
            streams = [wanted]
        after, before = _moment(request, "after"), _moment(request, "before")
        try:
            found = await asyncio.to_thread(search, self._folder, streams, after, before)
        except sqlite3.Error as error:
            raise HTTPException(503, "the index cannot be read", {"Retry-After": "5"}) from error
        return JSONResponse({"segments": [_told(*one) for one in found]}, headers=LIVE)

    async def _video(self, request: Request) -> Response:
        entry = await self._entry(request)
        looked(request, entry.stream, "recording")
        path = self._folder / entry.path
        try:
            stat = await asyncio.to_thread(os.stat, path)
        except FileNotFoundError:
            raise HTTPException(404, "no such recording") from None
        if entry.end is not None:
            return FileResponse(path, 200, KEPT, "video/mp4", stat_result=stat)
        if "range" in request.headers:
            return FileResponse(path, 200, LIVE, "video/mp4", stat_result=stat)
        # It grows: only so much is sent as has been promised.
        told = {**LIVE, "Content-Length": str(stat.st_size), "Accept-Ranges": "bytes"}
        return StreamingResponse(_pieces(path, stat.st_size), 200, told, "video/mp4")

    async def _track(self, request: Request) -> Response:
        entry = await self._entry(request)
        text = await asyncio.to_thread(_cues, self._folder / entry.path, entry)
        headers = LIVE if entry.end is None else KEPT
        return Response(text, 200, headers, "text/vtt; charset=utf-8")

    async def _entry(self, request: Request) -> Entry:
        """The recording that is asked for, if there is one, and whoever asks may see it."""
        name = request.path_params["id"]
        entry = None
        if ID.fullmatch(name):
            try:
                entry = await asyncio.to_thread(find, self._folder, name)
            except sqlite3.Error as error:
                told = {"Retry-After": "5"}
                raise HTTPException(503, "the index cannot be read", told) from error
        if entry is None or entry.stream not in viewer_of(request).watchable(self._streams):
            raise HTTPException(404, "no such recording")
        return entry


def _moment(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text[:LONGEST])
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise HTTPException(
            400, f"{name}: wanted a moment such as 2025-06-01T12:00:00Z, got {text[:LONGEST]!r}"
        )
    return at


def _told(entry: Entry, events: Sequence[Span]) -> dict[str, object]:
    return {
        "id": entry.id,
        "stream": entry.stream,
        "start": moment(entry.start),
        "end": None if entry.end is None else moment(entry.end),
        "pts": entry.pts,
        "codec": entry.codec,
        "bytes": entry.bytes,
        "file": f"/recordings/{entry.id}.mp4",
        "events": [
            {"start": moment(one.start), "end": moment(one.end), "pts": one.pts} for one in events
        ],
    }


def _cues(path: Path, entry: Entry) -> str:
    try:
        if entry.end is not None:
            return path.with_suffix(".vtt").read_text("utf-8")
    except FileNotFoundError:
        pass  # results may still come, or there are none
    try:
        return vtt(path.with_suffix(".jsonl").read_bytes().splitlines(), entry.pts)
    except FileNotFoundError:
        return vtt((), 0.0)


async def _pieces(path: Path, size: int) -> AsyncIterator[bytes]:
    # Opened for each piece: a reader that hangs up leaves nothing open.
    at = 0
    while at < size and (piece := await asyncio.to_thread(_piece, path, at, min(CHUNK, size - at))):
        at += len(piece)
        yield piece


def _piece(path: Path, at: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(at)
        return file.read(size)
