"""Whether it lives, and whether it is ready: for those who start it again, or send viewers to it.

    /livez    "ok" while the event loop turns; else nothing answers
    /readyz   200, or 503 while something is waited for; JSON of what that is

Ready is a pipeline whose stages can be asked and whose streams have each given a frame, or are
known to be lost: a camera that is away does not make it wait for ever. Both are open to all; where
the config asks for names (`http.access`), `/readyz` tells only how many things are missing, and
`/api/status` has their names.
"""

from collections.abc import Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sinks.viewers import viewer_of

NO_STORE = {"Cache-Control": "no-store"}


def health_routes(missing: Callable[[], Mapping[str, str]]) -> Sequence[BaseRoute]:
    """The routes; `missing` is asked each time what is waited for, such as `Pipeline.not_ready`."""

    async def livez(request: Request) -> Response:  # noqa: ARG001
        return PlainTextResponse("ok", headers=NO_STORE)

    async def readyz(request: Request) -> Response:
        left = missing()
        # Whoever asks: it is open to all, so that names are for those who may see all streams.
        told = left if viewer_of(request).streams is None else len(left)
        return JSONResponse({"ready": not left, "not_ready": told}, 503 if left else 200, NO_STORE)

    return [Route("/livez", livez), Route("/readyz", readyz)]
