"""The pipeline's own small HTTP server: health, status, metrics, and what the sinks show.

    /healthz       "ok" while the event loop turns
    /api/status    what the pipeline says about itself, as JSON
    /metrics       for Prometheus

Before the routes stands the door of `pipeline.access`: who may look, and what is borne. It runs in
the pipeline's event loop, without a thread of its own. Signals are left to the pipeline.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.access.access import Access
from pipeline.access.door import door, on_failure
from pipeline.access.login import PATHS, landing_of, login_routes
from pipeline.access.seen import seen_by
from pipeline.config.http import HttpConfig, is_loopback
from pipeline.descriptors import for_viewers
from sinks.stream_route import paths_of
from sinks.viewers import viewer_of

if TYPE_CHECKING:
    import uvicorn
    from prometheus_client import CollectorRegistry

log = structlog.get_logger()

GRACE_S = 0.5  # for answers that are under way when the server stops
BACKLOG = 128
AT_ONCE = 4
"""Connections that are taken before another task has its turn. asyncio takes as many as its backlog
before it lets go, some turns later, of those that are too many; and where no descriptor is left for
one, it says so for each of them."""
LISTEN = re.compile(r"(\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[A-Za-z0-9_.-]*)):(?P<port>[0-9]{1,5})")

Status = Callable[[], Mapping[str, object]]


class BadListen(OSError):
    """The server cannot listen where it should, or two of its routes have the same path."""


@asynccontextmanager
async def serving(
    listen: str,
    routes: Sequence[BaseRoute],
    status: Status,
    registry: "CollectorRegistry",
    access: Access | None = None,
) -> AsyncIterator[str]:
    """Serve while the block runs.

    listen    "host:port", "[::1]:port" for IPv6; port 0 is any free one
    routes    of all sinks
    status    called for each /api/status; what it gives must fit into JSON
    registry  whose metrics /metrics shows
    access    who may look; if left out, everybody on this machine
    yields    the address, such as "http://127.0.0.1:8080"
    raises    BadListen if `listen` cannot be read, is taken or not ours, or open to others without
              their being asked who they are; or if two routes collide. BadCertificate

    Leaving takes less than a second, whoever still looks.
    """
    host, port = parse_listen(listen)
    _no_doubles(routes)
    access = access or Access(HttpConfig())
    bound = await asyncio.to_thread(_bind, host, port)
    try:
        _not_open(bound, access.http)
        server, closing = await asyncio.to_thread(_server, routes, status, registry, access)
    except BaseException:
        bound.close()
        raise
    task = asyncio.create_task(server.serve([bound]), name="http")
    try:
        yield _address(host, bound, access.http)
    finally:
        closing.set()
        await _stop(server, task)


def parse_listen(listen: str) -> tuple[str, int]:
    """Host and port of "host:port" or "[host]:port"; no host is 127.0.0.1. Raises BadListen."""
    found = LISTEN.fullmatch(listen)
    if found is None or int(found["port"]) > 65535:
        raise BadListen(f"listen: wanted host:port, such as 127.0.0.1:8080, got {listen!r}")
    return found["six"] or found["host"] or "127.0.0.1", int(found["port"])


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind)
    except OSError as error:
        raise BadListen(
            f"listen: wanted an address of this machine, got {host!r}: {error}"
        ) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)  # from now on who comes waits for the server to be up
    except OSError as error:
        bound.close()
        raise BadListen(
            f"listen: wanted {host} port {port}, got: {error.strerror}; "
            "name another port, or 0 for any free one"
        ) from None
    return bound


def _not_open(bound: socket.socket, http: HttpConfig) -> None:
    """A name that was taken for this machine's own may mean an address that others reach."""
    address = bound.getsockname()[0]
    safe = http.tls is not None and http.access is not None
    if not (is_loopback(address) or safe or http.insecure):
        raise BadListen(
            f"listen: wanted tls and access before others are let in, got none for {address}"
        )


def _address(host: str, bound: socket.socket, http: HttpConfig) -> str:
    """Where a browser finds it; 0.0.0.0 and :: are no place, and no name of a certificate."""
    scheme = "http" if http.tls is None else "https"
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not listened on
        host = next(iter(http.names), socket.gethostname())
    port = bound.getsockname()[1]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _no_doubles(routes: Sequence[BaseRoute]) -> None:
    taken = {"/healthz", "/api/status", "/metrics", *PATHS}
    for route in routes:
        for path in paths_of(route):
            if path in taken:
                raise BadListen(
                    f"routes: two sinks show something at {path}; leave one of them out"
                )
            taken.add(path)


def _server(
    routes: Sequence[BaseRoute], status: Status, registry: "CollectorRegistry", access: Access
) -> "tuple[uvicorn.Server, asyncio.Event]":
    """The server, not yet running, and the event that ends what it still streams.

    Called in a thread: FastAPI takes 0.29 s to import, uvicorn 0.06 s.
    """
    import uvicorn  # noqa: PLC0415
    from fastapi import FastAPI  # noqa: PLC0415
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            for one in sockets or ():
                one.listen(BACKLOG)  # asyncio has let only AT_ONCE wait

    app = FastAPI(title="framewire", docs_url=None, redoc_url=None)

    @app.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> str:
        return "ok"

    @app.get("/api/status")
    async def api_status(request: Request) -> Response:
        said = seen_by(viewer_of(request), status())
        return Response(msgspec.json.encode(said), media_type="application/json")

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics(request: Request) -> Response:
        if viewer_of(request).streams is not None:
            raise HTTPException(403, "metrics: wanted somebody who may watch all streams")
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    app.router.routes.extend([*login_routes(access, landing_of(routes)), *routes])
    app.add_exception_handler(Exception, on_failure)
    closing = asyncio.Event()
    config = uvicorn.Config(
        _Closing(door(app, access), closing),
        lifespan="off",
        ws="none",
        http=_protocol(access),
        backlog=AT_ONCE,
        proxy_headers=bool(access.http.proxies),
        forwarded_allow_ips=list(access.http.proxies),
        log_config=None,
        log_level="error",  # below that it tells each request of strangers that is none
        access_log=False,
        server_header=False,
    )
    return Server(config), closing


def _protocol(access: Access) -> type[asyncio.Protocol]:
    """The class of connections, over HTTP or HTTPS."""
    from pipeline.access.connection import protocol  # noqa: PLC0415
    from pipeline.access.handshake import over_tls, tls_context  # noqa: PLC0415

    limits = access.http.limits
    most = min(limits.connections, for_viewers())  # a camera that is back wants a descriptor, too
    plain = protocol(most, limits.body_s)
    certificate = access.certificate()
    if certificate is None:
        return plain
    log.info("certificate", sha256=certificate.fingerprint, file=str(certificate.certificate))
    return over_tls(plain, tls_context(certificate), most, limits.body_s)


class _Closing:
    """Tells an answer that goes on for ever that its reader has left, when the server closes."""

    def __init__(self, app: ASGIApp, closing: asyncio.Event) -> None:
        self._app = app
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = finished = False

        async def receive_or_leave() -> Message:
            coming = asyncio.ensure_future(receive())
            closed = asyncio.create_task(self._closing.wait())
            try:
                await asyncio.wait({coming, closed}, return_when=asyncio.FIRST_COMPLETED)
                return coming.result() if coming.done() else {"type": "http.disconnect"}
            finally:
                coming.cancel()
                closed.cancel()

        async def noted(message: Message) -> None:
            nonlocal started, finished
            started = True
            finished = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        answer = asyncio.ensure_future(self._app(scope, receive_or_leave, noted))
        closed = asyncio.create_task(self._closing.wait())
        await asyncio.wait({answer, closed}, return_when=asyncio.FIRST_COMPLETED)
        closed.cancel()
        if not answer.done():
            await asyncio.wait({answer}, timeout=GRACE_S / 2)
        if not answer.done():  # it does not listen either
            answer.cancel()
            await asyncio.wait({answer})
        if not answer.cancelled():
            answer.result()
        if self._closing.is_set() and not finished:
            if not started:
                await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})


async def _stop(server: "uvicorn.Server", task: asyncio.Task[None]) -> None:
    server.should_exit = True
    await asyncio.wait({task}, timeout=GRACE_S)
    if not task.done():  # a reader that takes nothing more: hang up
        server.force_exit = True
        for connection in list(server.server_state.connections):
            connection.transport.abort()
    await task
