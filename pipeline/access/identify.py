"""Who a request is from: its token, its password, its link or its session.

An `Authorization` header counts before a link in the address (`?link=`), and that before a cookie.
"""

import asyncio
import binascii
import time
from base64 import b64decode
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.access.access import Access
from pipeline.access.grants import BadGrant, Grant
from sinks.viewers import EVERYBODY, NOBODY, Viewer

OPEN = frozenset({"/healthz", "/livez", "/readyz", "/login"})
LINK = "/link/"
REALM = 'realm="framewire", charset="UTF-8"'


class Identify:
    """Puts who it is beside each request, and sends away whom nobody knows."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Before `app`."""
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on. What is shown to somebody ends when their session or link does."""
        request = Request(scope)
        viewer = NOBODY
        if self._access.people is None or not _is_open(scope["path"]):
            try:
                viewer = await viewer_from(request, self._access)
            except HTTPException as error:
                await _who(request, error)(scope, receive, send)
                return
        scope["state"]["viewer"] = viewer
        scope["state"]["note"] = self._access.note(scope, viewer)
        await _until(viewer, self._app, scope, receive, send)


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(LINK)


async def viewer_from(request: Request, access: Access) -> Viewer:
    """Who a request is from.

    raises  HTTPException 401 if it does not say, or what it says is not true; 429 if that happened
            too often
    """
    people = access.people
    if people is None:
        return EVERYBODY
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        if "." in value and people.by_token(value) is None:
            return _granted(request, access, value)

        async def check() -> Viewer | None:
            return people.by_token(value)

        return await access.proven(request.scope, "bearer", "", check)
    if kind.lower() == "basic":
        name, password = _basic(value)
        return await access.proven(
            request.scope, "basic", name, lambda: people.by_password(name, password)
        )
    if "link" in request.query_params:
        return _granted(request, access, request.query_params["link"])
    grant = session_of(request, access)
    viewer = None if grant is None else people.by_grant(grant)
    if viewer is None:
        raise HTTPException(401, "wanted a session, a token, a password or a link, got none")
    return viewer


def session_of(request: Request, access: Access) -> Grant | None:
    """The session, or the link that was opened, of a browser; None if there is none any more."""
    try:
        grant = access.seal.read(request.cookies.get(cookie_name(request), ""))
    except BadGrant:
        return None
    return None if access.ended(grant.id) else grant


def cookie_name(request: Request) -> str:
    """Of the session. Browsers share cookies between ports, so that each has its own.

    `__Host-`: browsers take it only over HTTPS and from this host itself (RFC 6265bis, 4.1.3.2).
    """
    prefix = "__Host-" if request.scope["scheme"] == "https" else ""
    server = request.scope.get("server")
    return f"{prefix}framewire-{server[1] if server else 0}"


def _granted(request: Request, access: Access, text: str) -> Viewer:
    try:
        grant = access.seal.read(text)
    except BadGrant as error:
        access.refused(request.scope, NOBODY, "link", str(error))
        raise HTTPException(401, f"link: {error}") from None
    viewer = access.people.by_grant(grant) if access.people else EVERYBODY
    if viewer is None or access.ended(grant.id):
        raise HTTPException(401, "link: over")
    return viewer


def _basic(value: str) -> tuple[str, str]:
    """Name and password of RFC 7617."""
    try:
        name, colon, password = b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        name, colon, password = "", "", ""
    if not colon:
        raise HTTPException(401, "Authorization: wanted base64 of name:password")
    return name, password


def _who(request: Request, error: HTTPException) -> Response:
    """A person is sent to the login page, a program is told what to send."""
    fetched = request.headers.get("sec-fetch-dest", "document")
    page = "text/html" in request.headers.get("accept", "") and fetched == "document"
    if error.status_code == 401 and page and request.method == "GET":
        query = f"?{request.url.query}" if request.url.query else ""
        back = quote(f"{request.url.path}{query}" if "link=" not in query else request.url.path)
        return RedirectResponse(f"/login?next={back}", 303)
    headers = dict(error.headers or {})
    if error.status_code == 401:
        # A browser would ask for a Basic password in a window of its own, over our page.
        basic = "" if "sec-fetch-mode" in request.headers else f", Basic {REALM}"
        headers["WWW-Authenticate"] = f"Bearer {REALM}{basic}"
    return JSONResponse({"detail": error.detail}, error.status_code, headers)


async def _until(viewer: Viewer, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    if viewer.until is None:
        await app(scope, receive, send)
        return
    begun = finished = False

    async def noted(message: Message) -> None:
        nonlocal begun, finished
        begun = True
        finished = message["type"] == "http.response.body" and not message.get("more_body")
        await send(message)

    limit = asyncio.timeout(max(viewer.until.timestamp() - time.time(), 0))
    try:
        async with limit:
            await app(scope, receive, noted)
    except TimeoutError:
        if not limit.expired():
            raise
        if not begun:
            await JSONResponse({"detail": "over"}, 401)(scope, receive, send)
        elif not finished:
            await send({"type": "http.response.body", "body": b""})
