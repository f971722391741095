"""What every request passes before a route sees it, and every answer on its way out.

Gate       how often, by what name, from which site, how large a body; headers; failures
CORS       for the sites that the config names
Identify   who it is
"""

import secrets

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.access.access import Access, address_of
from pipeline.access.body import Body
from pipeline.access.buckets import caller, retry_after
from pipeline.access.identify import LINK, Identify
from pipeline.access.origin import check_host, check_origin
from sinks.viewers import NOBODY
from stages.throttle import Throttle

log = structlog.get_logger()

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'; object-src 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
"""For answers that do not say otherwise; https://owasp.org/www-project-secure-headers/.

Strict-Transport-Security is not among them: it would hold for all ports of this machine's name.
"""
TOLD = frozenset({401, 403, 429})
"""Refusals that whoever refuses has told the audit log of."""
REFUSALS = {
    400: "no host",
    403: "another site",
    421: "another host",
    429: "too many requests",
}


def door(app: ASGIApp, access: Access) -> ASGIApp:
    """The app behind its door."""
    inner: ASGIApp = Identify(app, access)
    if access.http.origins:
        inner = CORSMiddleware(
            inner,
            allow_origins=access.http.origins,
            allow_methods=("GET", "HEAD", "POST", "PATCH", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "If-Match", "Last-Event-ID", "Range"),
            expose_headers=("Location", "ETag", "Link", "Accept-Patch", "Retry-After"),
        )
    return Gate(inner, access)


class Gate:
    """Sends away what is too much or from the wrong place; tells callers nothing of failures."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Before `app`."""
        self._app = app
        self._access = access
        self._throttle = Throttle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        limits = self._access.http.limits
        body = Body(Headers(scope=scope), receive, limits.body_kib << 10, limits.body_s)
        answer = _Answer(send, body)
        scope.setdefault("state", {})
        try:
            self._check(scope)
            await self._app(scope, body, answer)
            self._tell(scope, answer.status)
        except ClientDisconnect:
            return
        except HTTPException as error:
            if answer.begun:
                raise
            why = REFUSALS.get(error.status_code, "refused")
            self._access.refused(scope, NOBODY, _asked(scope), why)
            await refusal(error)(scope, receive, answer)
        except Exception:
            number = failure_number(scope)
            log.exception("an answer failed", id=number, what=_asked(scope))
            if not answer.begun:
                await failed(scope)(scope, receive, answer)

    def _tell(self, scope: Scope, status: int) -> None:
        """Log what a route has refused: once a second for each status."""
        if not 400 <= status < 500 or status in TOLD:
            return
        if (held_back := self._throttle.ready(str(status))) is not None:
            why = {"why": scope["state"]["why"]} if "why" in scope["state"] else {}
            log.info("request refused", status=status, what=_asked(scope), at=address_of(scope),
                     held_back=held_back, **why)  # fmt: skip

    def _check(self, scope: Scope) -> None:
        access = self._access
        headers = Headers(scope=scope)
        if wait := access.requests.take(caller(address_of(scope))):
            raise HTTPException(429, "too many requests", retry_after(wait))
        check_host(headers, access.names)
        check_origin(scope["method"], scope["scheme"], headers, access.http.origins)


def _asked(scope: Scope) -> str:
    """What was asked for, in short; a link in it would let others in."""
    path = scope["path"] if not scope["path"].startswith(LINK) else f"{LINK}..."
    return f"{scope['method']} {path}"[:200]


def refusal(error: HTTPException) -> Response:
    """The answer to somebody who is sent away."""
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


def failure_number(scope: Scope) -> str:
    """A number for a failure, in the answer and in the log; the same one for one request."""
    number: str = scope["state"].setdefault("failure", secrets.token_hex(6))
    return number


def failed(scope: Scope) -> Response:
    """The answer when it was our fault: nothing of the inside, and where to look."""
    return JSONResponse({"detail": f"internal error {failure_number(scope)}"}, 500)


async def on_failure(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """The same for the framework, which answers before it passes the failure on."""
    return failed(request.scope)


class _Answer:
    """Sends on, with the headers that a route has not set itself, once all has been heard."""

    def __init__(self, send: Send, body: Body) -> None:
        self._send = send
        self._body = body
        self.begun = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if not self._body.whole and headers.get("connection") != "close":
                await self._body.drain()
                if not self._body.whole:
                    headers["Connection"] = "close"
        await self._send(message)
