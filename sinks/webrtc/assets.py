"""The page's files: what lies in sinks/webrtc/page when we start, and nothing else.

A name that is asked for is looked up among those, never opened as a path.
"""

import asyncio
import mimetypes
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

TYPES = {
    ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
    ".html": "text/html", ".json": "application/json", ".svg": "image/svg+xml",
    ".png": "image/png", ".woff2": "font/woff2", ".wasm": "application/wasm",
    ".txt": "text/plain", ".md": "text/plain",
}  # fmt: skip
START = "index.html"
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Assets:
    """The page under /view/."""

    def __init__(self) -> None:
        """Look up what there is."""
        self._files = dict(_walk(files("sinks").joinpath("webrtc", "page"), ""))

    def routes(self) -> Sequence[BaseRoute]:
        """/view/ and all below it."""
        return [
            Route("/view", _to_the_page),
            Route("/view/{asset:path}", self._asset),
        ]

    async def _asset(self, request: Request) -> Response:
        name = request.path_params["asset"] or START
        file = self._files.get(name)
        if file is None:
            raise HTTPException(404, "no such file")
        suffix = "." + name.rpartition(".")[2]
        media = TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(await asyncio.to_thread(file.read_bytes), 200, HEADERS, media)


async def _to_the_page(request: Request) -> Response:
    return RedirectResponse(f"{request.url.path}/", 308)


def _walk(folder: Traversable, before: str) -> "list[tuple[str, Traversable]]":
    found: list[tuple[str, Traversable]] = []
    if not folder.is_dir():
        return found
    for file in folder.iterdir():
        if file.is_dir():
            found += _walk(file, f"{before}{file.name}/")
        else:
            found.append((f"{before}{file.name}", file))
    return found
