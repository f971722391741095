"""WHEP: how a player asks for a stream over HTTP (draft-ietf-wish-whep).

POST    /whep/{stream}       an offer; 201 with our answer and where the session is
PATCH   /whep/{stream}/{id}  more of the viewer's candidates; 204
DELETE  /whep/{stream}/{id}  the end; 200
OPTIONS                      what is taken; 204

Who may watch is told the ICE servers in Link headers, as who publishes is (RFC 9725, section 4.6).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sinks.viewers import because, viewer_of, watching
from sinks.webrtc.errors import Refused

if TYPE_CHECKING:
    from sinks.webrtc.viewers import Viewers

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
MOST_BYTES = 64 * 1024
"""Chromium's offer of one video and a data channel has 6 KiB."""
MOST_DISCARDED = 16 << 20
"""Of a longer one so much is read and forgotten: who is still sending does not hear an answer."""
BODY_S = 5.0
"""For a viewer to send it."""

NO_STORE = {"Cache-Control": "no-store"}


class Whep:
    """The routes by which viewers come and go."""

    def __init__(
        self, viewers: Callable[[], "Viewers"], may_watch: Callable[[Request, str], bool]
    ) -> None:
        """`may_watch` says whether who asks may see a stream; else it is not there for them."""
        self._viewers = viewers
        self._may_watch = may_watch

    def routes(self) -> Sequence[BaseRoute]:
        """POST and OPTIONS where a stream is, PATCH, DELETE and OPTIONS where a session is."""
        return [
            Route("/whep/{stream}", self._stream, methods=["POST", "OPTIONS"]),
            Route("/whep/{stream}/{id}", self._session, methods=["PATCH", "DELETE", "OPTIONS"]),
        ]

    async def _stream(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            known = self._may_watch(request, request.path_params["stream"])
            links = self._viewers().ice.links() if known else ()
            return allowed("POST, OPTIONS", {"Accept-Post": SDP}, links)
        return await self._answered(request, self._join)

    async def _session(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return allowed("PATCH, DELETE, OPTIONS", {"Accept-Patch": FRAGMENT})
        return await self._answered(
            request, self._patch if request.method == "PATCH" else self._delete
        )

    async def _join(self, request: Request, stream: str) -> Response:
        session, answer = await self._viewers().join(stream, await body(request, SDP))
        session.watched(watching(request, stream, "webrtc"), viewer_of(request).until)
        return created(request, session.id, answer, self._viewers().ice.links())

    async def _patch(self, request: Request, stream: str) -> Response:
        fragment = await body(request, FRAGMENT)
        await self._viewers().add_candidates(stream, request.path_params["id"], fragment)
        return Response(status_code=204)

    async def _delete(self, request: Request, stream: str) -> Response:
        await self._viewers().leave(stream, request.path_params["id"])
        return Response(status_code=200)

    async def _answered(
        self, request: Request, do: Callable[[Request, str], Awaitable[Response]]
    ) -> Response:
        stream = request.path_params["stream"]
        try:
            self._check(request, stream)
            return await do(request, stream)
        except Refused as refused:
            return refusal(request, refused)

    def _check(self, request: Request, stream: str) -> None:
        if not self._may_watch(request, stream):
            raise Refused(404, f"wanted one of the streams of this viewer, got {stream!r}")


def created(request: Request, name: str, answer: str, links: Iterable[str]) -> Response:
    """The answer to an offer: our description, and where the session of that name is.

    links  to the ICE servers
    """
    headers = {
        "Location": f"{request.url.path.rstrip('/')}/{name}",
        "ETag": f'"{name}"',
        "Accept-Patch": FRAGMENT,
        **NO_STORE,
    }
    return _linked(Response(answer, 201, headers, SDP), links)


async def body(request: Request, wanted: str) -> bytes:
    """What was sent, if it is of the type that is wanted, short, and there soon.

    raises  Refused: 415, 413, 408
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != wanted:
        raise Refused(415, f"content-type: wanted {wanted}, got {kind or 'none'}")
    read = bytearray()
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= MOST_BYTES:
                    read += chunk
                elif size > MOST_DISCARDED:
                    break
    except TimeoutError:
        raise Refused(408, f"wanted all of it within {BODY_S:g} s, got {size} bytes") from None
    if size > MOST_BYTES:
        raise Refused(413, f"wanted at most {MOST_BYTES} bytes, got {size} or more")
    return bytes(read)


def refusal(request: Request, refused: Refused) -> Response:
    """The answer to somebody who is refused: what was wanted, what was got.

    The server in front of the routes logs it.
    """
    because(request, str(refused))
    headers = dict(NO_STORE)
    if refused.status == 503:
        headers["Retry-After"] = "10"
    if refused.status in {408, 413}:
        headers["Connection"] = "close"  # what is still under way is not read
    return JSONResponse({"detail": str(refused)}, refused.status, headers)


def allowed(methods: str, accepted: dict[str, str], links: Iterable[str] = ()) -> Response:
    """The answer to OPTIONS: the methods, what they take, and `links` to the ICE servers."""
    headers = {"Allow": methods, **accepted, **NO_STORE}
    return _linked(Response(status_code=204, headers=headers), links)


def _linked(response: Response, links: Iterable[str]) -> Response:
    for link in links:
        response.headers.append("Link", link)
    return response
