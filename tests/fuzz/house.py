"""A server with the routes of all sinks that have some, and who may look."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from pipeline.access import access
from pipeline.config import HttpConfig
from pipeline.server import serving
from pipeline.whip import Whip
from sinks.mjpeg import MjpegOptions, MjpegSink
from sinks.sink import GraphNode, SinkContext
from sinks.webrtc.options import WebrtcOptions
from sinks.webrtc.sink import WebrtcSink
from stages.capture.options import CaptureOptions
from stages.capture.whip import WhipSource
from stages.faces.face3d import Face3dOptions
from stages.lane import Lane
from stages.source import Demand
from tests.factory import delivery, grey_frame

EVER = 1e9


@asynccontextmanager
async def opened(folder: Path, token: str) -> AsyncIterator[int]:
    """Serve the stream `a`, and `studio` to who publishes it; gives the port.

    token  of an administrator
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    graph = {"shape": GraphNode("face3d", ("capture",), ("a",), Face3dOptions(folder="shapes"))}
    context = SinkContext(
        "view", ("a",), folder=folder, lanes={"a": Lane()}, inputs=("capture",), graph=graph
    )
    webrtc = WebrtcSink(WebrtcOptions(max_viewers=20, connect_s=2), context)
    mjpeg = MjpegSink(MjpegOptions(), context)
    studio = CaptureOptions(source="whip")
    whip = Whip({"studio": WhipSource("studio", studio, Demand(), Lane())})
    config = HttpConfig.model_validate({
        "audit": "audit",
        "access": {"secret": "s" * 32, "users": {"anna": {"token": token, "role": "admin"}}},
        "limits": {"requests_per_s": EVER, "logins_per_minute": EVER, "body_s": 0.2},
    })  # fmt: skip
    for sink in (webrtc, mjpeg):
        await sink.open()
    await mjpeg.write([delivery(grey_frame(0, stream="a"), "capture")])
    routes = [*webrtc.routes(), *mjpeg.routes(), *whip.routes()]
    async with (
        aclosing(whip),
        access.opened(config, folder) as door,
        serving("127.0.0.1:0", routes, dict, CollectorRegistry(), door) as address,
    ):
        yield int(address.rpartition(":")[2])
        await webrtc.close()
        await mjpeg.close()
