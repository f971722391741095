"""A page with live video over WebRTC, and what the nodes have said drawn on its very frame.

/view/                          the page
/api/viewer                     its streams, how each is sent and why, the graph
/api/events                     what happens, as server-sent events, the last hundred first
/whep/{stream}                  how a player asks for a stream
/streams/{name}/snapshot.jpg    its latest picture
/streams/{name}/shapes/{file}   a shape that a face3d node has written
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from sinks.feed import Feed, Look
from sinks.sink import Delivery, SinkContext
from sinks.stream_route import StreamRoute
from sinks.video import Video, VideoSink
from sinks.video.coders import check
from sinks.viewers import looked, viewer_of
from sinks.webrtc.assets import Assets
from sinks.webrtc.bulletins import MEDIA_TYPE, Bulletins
from sinks.webrtc.options import WebrtcOptions
from sinks.webrtc.overlay_message import TooLarge, encode
from sinks.webrtc.shapes import Shapes
from sinks.webrtc.snapshot import snapshot
from sinks.webrtc.state import Pulse, StreamState
from sinks.webrtc.whep import NO_STORE, Whep
from stages.events import Event
from stages.lane import Coding
from stages.throttle import Throttle

if TYPE_CHECKING:
    from sinks.webrtc.viewers import Viewers

FRESH_S = 1.0  # an annotated picture so old is still the latest
SNAPSHOT = Look(quality=85, least=640, width=1920, max_fps=5)
LIVE = {**NO_STORE, "Cross-Origin-Resource-Policy": "same-origin"}

log = structlog.get_logger()


class WebrtcSink(VideoSink):
    """Shows streams to browsers, encodes each at most once, and most not at all."""

    Options = WebrtcOptions

    def __init__(self, options: WebrtcOptions, context: SinkContext) -> None:
        """Nobody watches yet."""
        # Sinks are made before stages: in a process that has TensorFlow's copy of OpenSSL already,
        # which a stage of somebody's own may bring, libsrtp crashes while it begins.
        import_module("pylibsrtp")
        self.too_large = 0
        self._options = options
        self._context = context
        self._bulletins = Bulletins()
        look = replace(SNAPSHOT, guards=context.guards)
        self.feeds = {name: Feed(look) for name in context.streams}
        self._streams = {name: self._stream(name) for name in context.streams}
        self._throttle = Throttle()
        self._viewers: Viewers | None = None
        self._whep = Whep(self._there, self._may_watch)

    @property
    def videos(self) -> Mapping[str, Video]:
        """What is sent of each stream."""
        return {name: state.video for name, state in self._streams.items()}

    async def open(self) -> None:
        """Listen to the lanes. Raises BadSink if there is no such encoder as the config wants."""
        await asyncio.to_thread(check, self._context.node, self._options.encoder)
        # In a thread: aiortc takes 0.3 s to import.
        await asyncio.to_thread(import_module, "sinks.webrtc.viewers")
        from sinks.webrtc.viewers import Viewers  # noqa: PLC0415

        self._viewers = Viewers(
            self.videos,
            self._options.ice_servers,
            self._options.max_viewers,
            self._options.connect_s,
            self._options.bitrate,
            self._profile,
        )
        for name, state in self._streams.items():
            state.video.open()
            if name in self._context.lanes:
                self._context.lanes[name].attach(state.pulse)

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Tell viewers what was said; give the encoder what is to be drawn or hidden."""
        for delivery in batch:
            frame = delivery.frame
            state = self._streams[frame.stream]
            state.pulse.picture(frame)
            state.video.draw(delivery)
            if not self._options.burn:
                self._say(delivery)
            self.feeds[frame.stream].offer(replace(delivery, nodes=tuple(frame.results)))

    async def announce(self, event: Event) -> None:
        """Tell pages."""
        if event.about in self._streams:
            self._streams[event.about].pulse.hear(event)
        self._bulletins.tell(event)

    async def close(self) -> None:
        """Send everybody away."""
        self._bulletins.close()
        if self._viewers is not None:
            await self._viewers.close()
        videos = [state.video for state in self._streams.values()]
        await asyncio.gather(*(asyncio.to_thread(video.close) for video in videos))

    def routes(self) -> Sequence[BaseRoute]:
        """See the module."""
        return [
            *Assets().routes(),
            Route("/api/viewer", self._about),
            Route("/api/events", self._events),
            StreamRoute("/streams/{name}/snapshot.jpg", self._snapshot, self._streams, shared=True),
            Route("/streams/{name}/shapes/{file}", Shapes(self._context, self._may_watch).answer),
            *self._whep.routes(),
        ]

    def counts(self) -> Mapping[str, float]:
        """Those who watch, what they got and what they did not."""
        counts = self._there().counts()
        pictures = sum(feed.encoded for feed in self.feeds.values())
        return {
            **counts,
            "too_large_messages_total": self.too_large,
            "snapshots_total": pictures,
            "lost_encoders_total": sum(video.fallbacks for video in self.videos.values()),
        }

    def address(self) -> str:
        """The page."""
        return "/view/"

    def _stream(self, name: str) -> StreamState:
        context, options = self._context, self._options
        video = Video.of(name, context, options.encoding(), refusal, burn=options.burn)
        nodes = tuple(
            one for one in context.inputs
            if one in context.graph and name in context.graph[one].streams and not options.burn
        )  # fmt: skip
        return StreamState(name, video, Pulse(), nodes)

    def _profile(self, stream: str) -> str:
        from sinks.webrtc.codecs import profile_of  # noqa: PLC0415

        lane = self._context.lanes.get(stream)
        passes = self._streams[stream].video.path == "passthrough"
        return profile_of(lane.coding.parameter_sets) if passes and lane and lane.coding else ""

    def _say(self, delivery: Delivery) -> None:
        viewers, frame = self._there(), delivery.frame
        if not viewers.watching(frame.stream):
            return
        for node in delivery.nodes:
            if node not in frame.results:
                continue
            said = {node: frame.results[node]}
            try:
                message = encode(frame.pts, frame.captured_at, frame.seq, said)
            except TooLarge as error:
                self.too_large += 1
                if (held_back := self._throttle.ready(node)) is not None:
                    log.warning("left out", node=node, why=str(error), held_back=held_back)
            else:
                viewers.say(frame.stream, message)

    def _there(self) -> "Viewers":
        assert self._viewers is not None, "opened before anybody comes"
        return self._viewers

    def _may_watch(self, request: Request, stream: str) -> bool:
        return stream in self._streams and viewer_of(request).may_watch(stream)

    def _known(self, request: Request) -> StreamState:
        name: str = request.path_params["name"]
        if not self._may_watch(request, name):
            raise HTTPException(404, "no such stream")
        return self._streams[name]

    async def _about(self, request: Request) -> Response:
        viewers, graph = self._there(), self._context.graph
        seen = [state for name, state in self._streams.items() if self._may_watch(request, name)]
        lost, unsaid = viewers.waste()
        told = {
            "now": time.time() * 1e3,  # from which the page learns how far its own clock is off
            "streams": [state.told(viewers.watching(state.name)) for state in seen],
            "graph": {
                "nodes": [
                    {"name": name, "kind": node.kind, "inputs": list(node.inputs)}
                    for name, node in graph.items()
                ]
            },
            "zones": {
                name: node.options.model_dump(mode="json")
                for name, node in graph.items()
                if node.kind == "zones" and viewer_of(request).watchable(node.streams)
            },
            "ice": viewers.ice.told() if seen else [],
            "viewers": {
                "now": len(viewers), "most": self._options.max_viewers,
                "pictures_lost": lost, "messages_late": unsaid,
                "messages_too_large": self.too_large,
            },
        }  # fmt: skip
        return JSONResponse(told, headers=LIVE)

    async def _events(self, request: Request) -> Response:
        told = self._bulletins.follow(viewer_of(request).streams)
        return StreamingResponse(told, 200, LIVE, MEDIA_TYPE)

    async def _snapshot(self, request: Request) -> Response:
        state = self._known(request)
        looked(request, state.name, "snapshot")
        feed = self.feeds[state.name]
        shown = await feed.picture() if feed.number else None
        if shown and time.monotonic() - shown.delivery.frame.arrived < FRESH_S:
            return Response(shown.jpeg, 200, {**LIVE, **shown.headers})
        jpeg = await snapshot(state.video, SNAPSHOT.quality)
        if jpeg is None:
            raise HTTPException(503, f"{state.name} gives no picture now", {"Retry-After": "1"})
        return Response(jpeg, 200, LIVE, "image/jpeg")


def refusal(coding: Coding) -> str | None:
    """Why browsers cannot take packets of this coding as they are; None if they can."""
    if coding.codec != "h264":
        return f"the source sends {coding.codec}, and browsers take h264"
    if coding.reorders:
        return "the source sends B-frames, which WebRTC has no place for"
    return None
