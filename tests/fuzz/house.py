"""A server with the routes of all sinks that have some, and who may look."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry
from starlette.routing import Route

from pipeline.access import access
from pipeline.access.login import login_routes
from pipeline.config import HttpConfig
from pipeline.server import serving
from pipeline.whip import Whip
from sinks.mjpeg import MjpegOptions, MjpegSink
from sinks.restream import RestreamOptions, RestreamSink
from sinks.sink import GraphNode, SinkContext
from sinks.webrtc.options import WebrtcOptions
from sinks.webrtc.sink import WebrtcSink
from stages.capture.options import CaptureOptions
from stages.capture.whip import WhipSource
from stages.faces.face3d import Face3dOptions
from stages.lane import Lane
from stages.source import Demand
from tests.factory import delivery, grey_frame
from tests.sinks.record.clips import Recording, clip

EVER = 1e9
FORGOTTEN: list[str] = []
"""What failed on the event loop and nobody was told of."""


@asynccontextmanager
async def opened(folder: Path, token: str) -> AsyncIterator[int]:
    """Serve the stream `a`, and `studio` to who publishes it; gives the port.

    token  of an administrator
    """
    asyncio.get_running_loop().set_exception_handler(_remember)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    graph = {"shape": GraphNode("face3d", ("capture",), ("a",), Face3dOptions(folder="shapes"))}
    context = SinkContext(
        "view", ("a",), folder=folder, lanes={"a": Lane()}, inputs=("capture",), graph=graph
    )
    webrtc = WebrtcSink(WebrtcOptions(max_viewers=20, connect_s=2), context)
    mjpeg = MjpegSink(MjpegOptions(), context)
    studio = CaptureOptions(source="whip")
    whip = Whip({"studio": WhipSource("studio", studio, Demand(), Lane())})
    config = http(token)
    for sink in (webrtc, mjpeg):
        await sink.open()
    await mjpeg.write([delivery(grey_frame(0, stream="a"), "capture")])
    recording = Recording(folder)
    hls = RestreamSink(RestreamOptions(to="hls"), replace(context, lanes={"a": Lane()}))
    await hls.open()
    sinks = (webrtc, mjpeg, hls, recording.sink)
    routes = [*(route for sink in sinks for route in sink.routes()), *whip.routes()]
    async with (
        recording,
        aclosing(whip),
        access.opened(config, folder) as door,
        serving("127.0.0.1:0", routes, dict, CollectorRegistry(), door) as address,
    ):
        recording.push(clip(50))
        yield int(address.rpartition(":")[2])
        await hls.close()
        await webrtc.close()
        await mjpeg.close()


def http(token: str = "t" * 32) -> HttpConfig:
    """Somebody is let in who may do all, as often as they like."""
    return HttpConfig.model_validate({
        "audit": "audit",
        "access": {"secret": "s" * 32, "users": {"anna": {"token": token, "role": "admin"}}},
        "limits": {"requests_per_s": EVER, "logins_per_minute": EVER, "body_s": 0.2},
    })  # fmt: skip


def _remember(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    error = context.get("exception")
    told = traceback.format_exception(error) if isinstance(error, BaseException) else []
    FORGOTTEN.append("".join([str(context.get("message")), "\n", *told]))


def changing() -> set[str]:
    """The paths of the routes that take more than a look, of all that is here."""
    context = SinkContext("view", ("a",), lanes={"a": Lane()})
    whip = Whip({"studio": WhipSource("studio", CaptureOptions(source="whip"), Demand(), Lane())})
    login = login_routes(access.Access(http()), "/view/")
    sinks = [
        WebrtcSink(WebrtcOptions(), context), MjpegSink(MjpegOptions(), context),
        RestreamSink(RestreamOptions(to="hls"), context), Recording(Path()).sink,
    ]  # fmt: skip
    routes = [*whip.routes(), *login, *(route for sink in sinks for route in sink.routes())]
    found = [one for one in routes if isinstance(one, Route)]
    return {one.path for one in found if (one.methods or set()) - {"GET", "HEAD"}}
