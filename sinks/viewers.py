"""Who looks at what a sink shows: asked of a request, and told to the audit log.

The server in front of the routes finds out who calls and puts it beside the request; a route asks

    viewer = viewer_of(request)
    if not viewer.may_watch(name):
        raise HTTPException(404, "no such stream")  # not 403: that would say that there is one
    with watching(request, name, "mjpeg"):
        ...
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Literal, Self

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

Role = Literal["viewer", "admin"]
Note = Callable[[str, Mapping[str, object]], None]
"""Writes an event and what belongs to it into the audit log; who and from where is known."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who may look.

    name     as the audit log has it
    role     "viewer" looks; "admin" also changes things
    streams  those that may be watched; None is all, also ones that come later
    until    UTC; what is still shown then must end. None is without an end
    """

    name: str
    role: Role
    streams: frozenset[str] | None = None
    until: datetime | None = None

    @property
    def admin(self) -> bool:
        """Whether things may be changed: something published, a node told to do otherwise."""
        return self.role == "admin"

    def may_watch(self, stream: str) -> bool:
        """Whether the stream may be seen, its results and recordings included."""
        return self.streams is None or stream in self.streams

    def watchable(self, streams: Iterable[str]) -> list[str]:
        """Those of `streams` that may be seen, in their order."""
        return [stream for stream in streams if self.may_watch(stream)]


NOBODY = Viewer("nobody", "viewer", frozenset())
"""May see nothing: whoever calls a route that no server stands in front of."""
EVERYBODY = Viewer("everybody", "admin")
"""May do all: whoever calls where nobody is asked for a name."""


def viewer_of(request: HTTPConnection) -> Viewer:
    """Who has sent a request."""
    viewer = request.scope.get("state", {}).get("viewer")
    return viewer if isinstance(viewer, Viewer) else NOBODY


def note(request: HTTPConnection, event: str, details: Mapping[str, object] | None = None) -> None:
    """Write into the audit log that something was done, if there is such a log. Never blocks.

    event    such as "published"
    details  such as {"stream": "lobby"}; what JSON knows, and no secrets
    """
    write = request.scope.get("state", {}).get("note")
    if write is not None:
        write(event, details or {})


def because(request: HTTPConnection, why: str) -> None:
    """Say why a request is refused, for the log of the server in front of the routes."""
    request.scope.setdefault("state", {})["why"] = why


def only_admin(request: HTTPConnection, what: str) -> Viewer:
    """Who has sent a request, if that may change things; `what` names the thing.

    raises  HTTPException 403 if not
    """
    viewer = viewer_of(request)
    if not viewer.admin:
        note(request, "refused", {"what": what, "why": "not an admin"})
        raise HTTPException(403, f"{what}: wanted an admin, got a viewer")
    return viewer


def looked(request: HTTPConnection, stream: str, how: str) -> None:
    """Note that somebody has seen a single picture of a stream; told once a minute, not each time.

    how  such as "snapshot"
    """
    note(request, "look", {"stream": stream, "how": how})


def watching(request: HTTPConnection, stream: str, how: str) -> "Watch":
    """Note that somebody begins to watch a stream; the watch notes its end.

    how  such as "webrtc", "mjpeg", "recording"
    """
    return Watch(request, stream, how)


class Watch:
    """Somebody watches a stream, until `end` or the end of the `with` block. Ends once only."""

    def __init__(self, request: HTTPConnection, stream: str, how: str) -> None:
        """From now on. The request may be over before the watch is, as in WHEP."""
        write = request.scope.get("state", {}).get("note")
        self._write: Note | None = write
        self._about = {"stream": stream, "how": how}
        self._began: float | None = time.monotonic()
        if self._write is not None:
            self._write("watch", self._about)

    def end(self) -> None:
        """It is over: the log gets how many seconds it took."""
        if self._began is None:
            return
        seconds, self._began = time.monotonic() - self._began, None
        if self._write is not None:
            self._write("watched", {**self._about, "seconds": round(seconds, 1)})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()
