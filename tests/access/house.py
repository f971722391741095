"""A server with a door, and those who come to it."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
from argon2 import PasswordHasher
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pipeline.access.access import Access, opened
from pipeline.config import HttpConfig
from pipeline.server import serving
from sinks.viewers import only_admin, viewer_of, watching

HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # as fast as it gets
PASSWORD, OTHERS = "correct horse", "battery staple"
TOKEN, SECRET = "t" * 32, "s" * 32
USERS = {
    "anna": {"password": HASHER.hash(PASSWORD), "role": "admin"},
    "ben": {"password": HASHER.hash(OTHERS), "streams": ["lobby"]},
    "wall": {"token": TOKEN},
}
ACCESS: dict[str, object] = {"users": USERS, "secret": SECRET}
STATUS = {
    "streams": {"lobby": {"fps": 25}, "vault": {"fps": 25}},
    "nodes": {"detect": {"ledger": {"lobby": {"done": 1}, "vault": {"done": 2}}, "fps": 3}},
    "failure": None,
}


async def show(request: Request) -> Response:
    viewer, stream = viewer_of(request), request.path_params["stream"]
    if not viewer.may_watch(stream):
        return PlainTextResponse("no such stream", 404)
    with watching(request, stream, "test"):
        return JSONResponse({"name": viewer.name, "role": viewer.role})


async def change(request: Request) -> Response:
    body = await request.body()
    return PlainTextResponse(f"{only_admin(request, 'change').name} {len(body)}")


async def breaks(request: Request) -> Response:
    raise RuntimeError("the secret is 4711")


ROUTES = (
    Route("/show/{stream}", show),
    Route("/change", change, methods=["POST"]),
    Route("/breaks", breaks),
)


@dataclass(frozen=True, slots=True)
class House:
    """A server, and a client that nobody knows yet."""

    address: str
    client: httpx.AsyncClient
    access: Access
    folder: Path

    def audit(self) -> list[dict[str, object]]:
        """What the audit log says; it is whole once the house is left."""
        lines = (self.folder / "audit").read_bytes().splitlines()
        return [msgspec.json.decode(line) for line in lines]

    async def well(self) -> bool:
        """Whether it answers, soon: connections that others have closed may still be counted."""
        for _ in range(50):
            with suppress(httpx.TransportError):
                return (await self.client.get("/healthz")).status_code == 200
        return False

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


@asynccontextmanager
async def house(
    folder: Path, routes: Sequence[BaseRoute] = ROUTES, **http: object
) -> AsyncIterator[House]:
    """With the keys of `http`; the audit log is the file `audit`."""
    config = HttpConfig.model_validate({"audit": "audit", **http})
    async with opened(config, folder) as access:
        listen = config.listen or ""
        routes = list(routes)
        async with serving(listen, routes, lambda: STATUS, CollectorRegistry(), access) as address:
            kept = folder / "framewire-tls" / "certificate.pem"
            verify = ssl.create_default_context(cafile=kept) if config.tls else True
            async with httpx.AsyncClient(base_url=address, verify=verify, timeout=20) as client:
                yield House(address, client, access, folder)


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
