"""Whether it lives, and whether it is ready: for those who start it again, or send viewers to it.

    /livez    "ok" while the event loop turns; else nothing answers
    /readyz   200, or 503 while something is waited for; JSON of what that is

Ready is a pipeline whose stages can be asked and whose streams have each given a frame, or are
known to be lost: a camera that is away does not make it wait for ever.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pipeline.isolation import IsolatedStage

if TYPE_CHECKING:
    from pipeline.pipeline import Pipeline

NO_STORE = {"Cache-Control": "no-store"}


def not_ready(pipeline: "Pipeline") -> dict[str, str]:
    """By "stream NAME" or "stage NAME": what is waited for. Empty when all is ready."""
    if pipeline.stopping:
        return {"pipeline": "is stopping"}
    missing = {}
    for name, stage in pipeline.parts.stages.items():
        if isinstance(stage, IsolatedStage) and not stage.ready:
            missing[f"stage {name}"] = "its process is starting"
    for name, capture in pipeline.captures.items():
        if not capture.known:
            missing[f"stream {name}"] = "no frame yet"
    return missing


def health_routes(missing: Callable[[], Mapping[str, str]]) -> Sequence[BaseRoute]:
    """The routes; `missing` is asked each time."""

    async def livez(request: Request) -> Response:  # noqa: ARG001
        return PlainTextResponse("ok", headers=NO_STORE)

    async def readyz(request: Request) -> Response:  # noqa: ARG001
        left = missing()
        told = {"ready": not left, "not_ready": left}
        return JSONResponse(told, 503 if left else 200, NO_STORE)

    return [Route("/livez", livez), Route("/readyz", readyz)]
