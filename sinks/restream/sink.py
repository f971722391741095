"""Passes streams on to others: pushes them to a server over RTSP or RTMP, or serves them as HLS."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from starlette.routing import BaseRoute

from sinks.errors import BadSink
from sinks.restream.hls import Hls
from sinks.restream.options import HLS, STREAM, RestreamOptions
from sinks.restream.push import Push
from sinks.restream.routes import HlsRoutes
from sinks.restream.segments import Segmenter
from sinks.restream.shelf import Shelf
from sinks.sink import Delivery, SinkContext
from sinks.video import Video, VideoSink
from sinks.video.coders import check
from stages.capture.mask import mask
from stages.lane import Coding

TAKEN = {"rtsp": ("h264", "hevc"), "rtsps": ("h264", "hevc")}
"""What passes through, by the kind of address; elsewhere H.264 alone, which every player knows."""


class RestreamSink(VideoSink):
    """Passes streams on, without encoding where that can be. No receiver holds anybody up."""

    Options = RestreamOptions

    def __init__(self, options: RestreamOptions, context: SinkContext) -> None:
        """Nothing goes out yet."""
        self._options = options
        self._context = context
        self.videos: Mapping[str, Video] = {name: self._video(name) for name in context.streams}
        self.pushes: Mapping[str, Push] = {}
        self.served: Mapping[str, Hls] = {}
        if options.to == HLS:
            self.served = {name: self._hls(name) for name in context.streams}
        else:
            self.pushes = {name: self._push(name) for name in context.streams}

    async def open(self) -> None:
        """Begin to listen. Raises BadSink if the streams would meet at one address."""
        to, streams = self._options.to, self._context.streams
        if to != HLS and STREAM not in to and len(streams) > 1:
            raise BadSink(
                f"to {mask(to)}: wanted {STREAM} in it, since there are {len(streams)} streams"
            )
        await asyncio.to_thread(check, self._context.node, self._options.encoder)
        for video in self.videos.values():
            video.open()
        for way in self._ways():
            way.open()

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Encode what is to be drawn or hidden; all else comes from the lane."""
        streams: dict[str, list[Delivery]] = {}
        for delivery in batch:
            streams.setdefault(delivery.frame.stream, []).append(delivery)
        await asyncio.gather(*(self._draw(name, mine) for name, mine in streams.items()))

    async def close(self) -> None:
        """Take leave of the receivers."""
        await asyncio.gather(*(asyncio.to_thread(way.close) for way in self._ways()))
        videos = self.videos.values()
        await asyncio.gather(*(asyncio.to_thread(video.close) for video in videos))

    def routes(self) -> Sequence[BaseRoute]:
        """The playlists and what they name, of HLS."""
        return HlsRoutes(self.served).routes() if self.served else ()

    def counts(self) -> Mapping[str, float]:
        """What receivers took that streams are pushed to; of HLS nothing is counted."""
        pushes = self.pushes.values()
        return {
            "receivers": sum(push.connected for push in pushes),
            "connections_total": sum(push.connections for push in pushes),
            "sent_packets_total": sum(push.sent for push in pushes),
            "lost_packets_total": sum(push.outbox.lost for push in pushes),
            "lost_encoders_total": sum(video.fallbacks for video in self.videos.values()),
        }

    def address(self) -> str:
        """Where a player finds it."""
        to = self._options.to
        path = f"/streams/{STREAM}/index.m3u8" if to == HLS else mask(to)
        streams = self._context.streams
        return path.replace(STREAM, streams[0]) if len(streams) == 1 else path

    async def _draw(self, stream: str, deliveries: Sequence[Delivery]) -> None:
        video = self.videos[stream]
        for delivery in deliveries if video.drawn else ():
            await asyncio.wrap_future(video.draw(delivery))

    def _video(self, stream: str) -> Video:
        options = self._options
        encoding = replace(options.encoding(), keyframe_s=options.keyframe_s)
        return Video.of(stream, self._context, encoding, self._refusal, burn=options.burn)

    def _refusal(self, coding: Coding) -> str | None:
        kind = self._options.to.partition("://")[0]
        if coding.codec in TAKEN.get(kind, ("h264",)):
            return None
        return f"the source sends {coding.codec}, which receivers of {kind} seldom take"

    def _ways(self) -> tuple[Push | Hls, ...]:
        return (*self.pushes.values(), *self.served.values())

    def _push(self, stream: str) -> Push:
        return Push(stream, self._options.to.replace(STREAM, stream), self.videos[stream])

    def _hls(self, stream: str) -> Hls:
        options = self._options
        shelf = Shelf(options.segments, options.memory_mb * 1_000_000)
        segmenter = Segmenter(options.keyframe_s, options.part_s)
        return Hls(stream, self.videos[stream], shelf, segmenter)
