"""The pages by which a person comes in and leaves.

/login         name and password, or token; POST gives a session
/logout        POST ends it
/link/{text}   a link that was sent opens here: it becomes a cookie, and leaves the address bar
/api/me        who one is, as JSON
"""

import hashlib
import html
import re
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pipeline.access.access import Access
from pipeline.access.grants import BadGrant, Grant, new_id
from pipeline.access.identify import LINK, cookie_name, session_of
from sinks.viewers import NOBODY, Viewer, note, viewer_of

PATHS = ("/login", "/logout", LINK + "{text}", "/api/me")
PAGES = ("/view/", "/")  # where somebody lands who has come in: the first that there is
PLACE = re.compile(r"\b(NEXT|SAID|STYLE)\b")
NO_STORE = {"Cache-Control": "no-store"}


def login_routes(access: Access, landing: str) -> Sequence[BaseRoute]:
    """The routes; without users there is nothing to log in to.

    landing  the path of the page that is shown after a login
    """
    pages = Pages(access, landing)
    routes = [
        Route("/login", pages.show, methods=["GET"]),
        Route("/login", pages.login, methods=["POST"]),
        Route("/logout", pages.logout, methods=["POST"]),
        Route(LINK + "{text}", pages.link),
    ]
    me = Route("/api/me", _me)
    return [me] if access.people is None else [*routes, me]


def landing_of(routes: Sequence[BaseRoute]) -> str:
    """The path of the page that is shown after a login."""
    paths = {getattr(route, "path", "") for route in routes}
    return next((path for path in PAGES if path in paths), "/api/me")


class Pages:
    """Coming in and leaving."""

    def __init__(self, access: Access, landing: str) -> None:
        """Lead to `landing` where nothing else was asked for."""
        self._access = access
        self._landing = landing

    async def show(self, request: Request) -> Response:
        """The form."""
        return self._form("", request.query_params.get("next", ""), 200)

    async def login(self, request: Request) -> Response:
        """What was filled in."""
        access, people = self._access, self._access.people
        fields = await _fields(request)
        name, password = fields.get("name", ""), fields.get("password", "")
        after = fields.get("next", "")
        if people is None:
            return RedirectResponse(self._after(after), 303)
        try:
            viewer = await access.proven(
                request.scope, "login", name, lambda: people.by_password(name, password)
            )
        except HTTPException as error:
            said = {401: "Wrong name or password.", 429: "Too many tries. Wait a little."}
            return self._form(said[error.status_code], after, error.status_code, error.headers)
        hours = access.http.access.session_h if access.http.access else 0
        until = time.time() + hours * 3600
        grant = Grant("session", viewer.name, until, new_id(), entry=people.entry(viewer.name))
        access.note(request.scope, viewer)("login", {"session": grant.id})
        response = RedirectResponse(self._after(after), 303, NO_STORE)
        self._let_in(request, response, access.seal.sign(grant), until)
        return response

    async def logout(self, request: Request) -> Response:
        """End the session."""
        grant = session_of(request, self._access)
        if grant is not None and grant.kind == "session":  # others may have the same link
            self._access.end(grant.id, grant.until)
            note(request, "logout", {"session": grant.id})
        response = RedirectResponse("/login", 303, NO_STORE)
        secure = request.scope["scheme"] == "https"
        response.delete_cookie(
            cookie_name(request), secure=secure, httponly=True, samesite="strict"
        )
        return response

    async def link(self, request: Request) -> Response:
        """Open a link: not by a redirect, after which a browser would keep a strict cookie back."""
        access = self._access
        text = request.path_params["text"]
        try:
            grant = access.seal.read(text)
            viewer = access.people.by_grant(grant) if access.people else None
        except BadGrant as error:
            access.refused(request.scope, NOBODY, "link", str(error))
            return self._form(f"This link is no longer good: {error}.", "", 401)
        if viewer is None or grant.kind != "link":
            return self._form("This is not a link.", "", 401)
        access.note(request.scope, viewer)("link", {"link": grant.id, "streams": grant.streams})
        response = _page("open.html", 200, NEXT=self._landing)
        self._let_in(request, response, text, grant.until)
        return response

    def _let_in(self, request: Request, response: Response, text: str, until: float) -> None:
        strict: Literal["strict"] = "strict"
        response.set_cookie(
            cookie_name(request),
            text,
            max_age=max(0, int(until - time.time())),
            secure=request.scope["scheme"] == "https",
            httponly=True,
            samesite=strict,
        )

    def _after(self, wanted: str) -> str:
        """Where to go on: a path of ours, whatever was asked for."""
        ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
        return wanted if ours and wanted.isprintable() else self._landing

    def _form(
        self, said: str, after: str, status: int, headers: Mapping[str, str] | None = None
    ) -> Response:
        alert = f'<p role="alert">{html.escape(said)}</p>' if said else ""
        page = _page("login.html", status, SAID=alert, NEXT=html.escape(after))
        page.headers.update(headers or {})
        return page


async def _me(request: Request) -> Response:
    viewer: Viewer = viewer_of(request)
    return JSONResponse(
        {
            "name": viewer.name,
            "role": viewer.role,
            "streams": None if viewer.streams is None else sorted(viewer.streams),
            "until": viewer.until and viewer.until.isoformat(),
        },
        headers=NO_STORE,
    )


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a form. Raises HTTPException 400 if it is none."""
    try:
        found = parse_qs((await request.body()).decode(), max_num_fields=10, errors="strict")
    except ValueError:
        raise HTTPException(400, "body: wanted a form, url-encoded") from None
    return {name: values[0] for name, values in found.items()}


def _page(name: str, status: int, **parts: str) -> HTMLResponse:
    """One of our pages, with what belongs in the places of its words in capitals."""
    style = _file("login.css")
    words = parts | {"STYLE": style}
    text = PLACE.sub(lambda place: words[place[0]], _file(name))
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(text, status, {**NO_STORE, "Content-Security-Policy": policy})


@cache
def _file(name: str) -> str:
    """Read once: it blocks."""
    return files("pipeline.access").joinpath("page", name).read_text("utf-8")
