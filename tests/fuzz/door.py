"""The HTTP server with every route that sinks show: requests with bytes broken, over real sockets.

Of HLS, the playlist is left out: before the first segment players wait for it by design.
No answer may be a failure of ours, none may be missing, and the server is well after each.
"""

import asyncio
import gc
import http.client
import socket
import threading
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from tests.fuzz.subject import Parts, Sample, Subject

TOKEN = "t" * 32
ANSWER_S = 30.0
"""For the head of an answer. The fuzzing itself gives up after five: this is for a busy machine."""
PUBLIC = b"Host: 127.0.0.1\r\n"
ADMIN = PUBLIC + b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"
LOOKS = (
    "/", "/healthz", "/metrics", "/openapi.json", "/login", "/link/eyJhIjoxfQ.c2ln", "/api/status",
    "/api/me", "/api/viewer", "/api/events", "/view", "/view/", "/view/page.js",
    "/streams/a.mjpeg?fps=5&quality=50", "/streams/a.jpg",
    "/streams/a/snapshot.jpg", "/streams/a/shapes/a-00000001-0.glb",
    "/api/recordings?stream=a&after=2024-06-01T12:00:00Z&before=2999-01-01T00:00:00%2B01:00",
    "/api/recordings?after=0001-01-01T00:00:00%2B23:59", "/recordings/a-20250601T120000-000000.mp4",
    "/recordings/a-20250601T120000-000000.vtt", "/streams/a/head1.mp4", "/streams/a/1.m4s",
)  # fmt: skip


class Refusal(Exception):
    """An answer that says no: 4xx, or 503 where a picture is not there or all places are taken."""


def read(path: Path) -> None:
    """Send what is in the file, and look at the answer. Raises Refusal."""
    port = _port()
    status, location = _ask(port, path.read_bytes())
    if status == 201 and location.startswith(("/whep/", "/whip/")):
        assert _ask(port, _request("DELETE", location)) == (200, "")
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    asked.request("GET", "/healthz")
    assert asked.getresponse().read() == b"ok"
    asked.close()
    if status == 201:
        gc.collect()  # a task that failed is told of when it goes
    if failures := _failures():
        raise AssertionError("\n".join(failures))
    if status >= 500 and status != 503:
        raise AssertionError(f"the server failed with {status}")
    if status >= 400:
        raise Refusal(str(status))


def _failures() -> list[str]:
    from tests.fuzz.house import FORGOTTEN

    return [FORGOTTEN.pop() for _ in range(len(FORGOTTEN))]


def _ask(port: int, request: bytes) -> tuple[int, str]:
    """The status and the place that an answer names; 400 where the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S) as peer:
        try:
            peer.sendall(request)
            answer = http.client.HTTPResponse(peer)
            answer.begin()
        except (ConnectionError, http.client.RemoteDisconnected):
            return 400, ""
        return answer.status, answer.headers.get("Location", "")


def _request(method: str, path: str, kind: str = "", body: bytes = b"", more: bytes = b"") -> bytes:
    return b"".join(_parts(method, path, kind, body, more).values()).replace(
        b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % len(body), 1
    )


def _parts(
    method: str, path: str, kind: str = "", body: bytes = b"", more: bytes = b""
) -> dict[str, bytes]:
    kind_line = f"Content-Type: {kind}\r\n".encode() if kind else b""
    head = ADMIN + kind_line + more
    return {"line": f"{method} {path} HTTP/1.1\r\n".encode(), "head": head + b"\r\n", "body": body}


def _measured(parts: Parts) -> Parts:
    """One request, whose length fits its body however broken it is."""
    length = b"Content-Length: %d\r\n" % len(parts["body"])
    return {"a.http": parts["line"] + length + parts["head"] + parts["body"]}


def samples() -> list[Sample]:
    """A request for each route; what the server is made of is imported before the child is."""
    from tests.fuzz import house, messages  # noqa: F401 - a second, for this subject alone

    form = "application/x-www-form-urlencoded"
    fragment = "application/trickle-ice-sdpfrag"
    said = [
        ("POST", "/login", form, b"name=anna&password=wrong&then=%2Fview%2F"),
        ("POST", "/logout", form, b""),
        ("POST", "/whep/a", "application/sdp", messages.offer_of("recvonly")),
        ("POST", "/whip/studio", "application/sdp", messages.offer_of("sendonly")),
        ("PATCH", "/whep/a/0123456789abcdef", fragment, messages.CANDIDATES),
        ("DELETE", "/whip/studio/0123456789abcdef", "", b""),
        ("OPTIONS", "/whep/a", "", b""),
    ]
    made = [_parts(*one) for one in said] + [_parts("GET", path) for path in LOOKS]
    made.append(_parts("GET", "/streams/a.jpg", more=b"Range: bytes=0-9\r\nIf-None-Match: *\r\n"))
    recording = "/recordings/a-20250601T120000-000000.mp4"
    made.append(_parts("GET", recording, more=b"Range: bytes=0-9,20-29,-5\r\nIf-Range: x\r\n"))
    made.append(_parts("GET", "/api/events", more=b"Last-Event-ID: 7\r\nOrigin: http://a\r\n"))
    chunked = b"Transfer-Encoding: chunked\r\nContent-Type: application/sdp\r\n"
    raw = b"POST /whep/a HTTP/1.1\r\n" + ADMIN + chunked + b"\r\n3\r\nv=0\r\n0\r\n\r\n"
    return [
        *(Sample(parts, _measured) for parts in made),
        *(Sample({"a.http": _measured(parts)["a.http"]}) for parts in made[:4]),
        Sample({"a.http": raw}),
    ]


@cache
def _port() -> int:
    """The port of a server that runs in a thread of this process until it ends."""
    found: list[int] = []
    ready = threading.Event()

    async def serve() -> None:
        from tests.fuzz.house import opened

        async with AsyncExitStack() as stack:
            found.append(await stack.enter_async_context(opened(Path(mkdtemp()), TOKEN)))
            ready.set()
            await asyncio.Event().wait()

    threading.Thread(target=asyncio.run, args=(serve(),), daemon=True).start()
    if not ready.wait(ANSWER_S):
        raise AssertionError("the server did not come up")
    return found[0]


DOOR: dict[str, Subject] = {"http": Subject(read, samples, (Refusal,), named=False)}
"""The document that FastAPI makes knows only three of the routes: they are named here."""
