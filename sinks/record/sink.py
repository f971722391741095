"""Recordings: each stream's video as it came, in mp4 files, with what nodes have said beside it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from starlette.routing import BaseRoute

from sinks.errors import BadSink
from sinks.record.archive import Archive
from sinks.record.evidence import Evidence
from sinks.record.options import RecordOptions
from sinks.record.recorder import Recorder
from sinks.record.remux import refuse
from sinks.record.segment import Said
from sinks.record.shelf import Shelf
from sinks.sink import Delivery, SinkContext
from sinks.video import Encoding, Video, VideoSink
from sinks.video.coders import check
from sinks.wire import encode, result_message
from stages.events import Event

WIDEST = 16_384  # pixels: nothing is made smaller
SWITCHES = {"control.record": True, "control.pause": False}
"""Events that say whether the stream they are about is recorded."""
CHANGED = "setting.changed"
"""From here on, results come from other thresholds than the config's."""

KEYFRAME_S = 2.0  # from keyframe to keyframe where pictures are encoded: how exactly files are cut


class RecordSink(VideoSink):
    """Records packets as they come; encodes only what cannot be kept so, or has to be drawn.

    A stream that is guarded is recorded as its guards have left it, from the graph.

    recorder  does the work
    """

    Options = RecordOptions
    judges: ClassVar[bool] = True

    def __init__(self, options: RecordOptions, context: SinkContext) -> None:
        """Touch nothing yet."""
        self._options = options
        self._context = context
        folder = context.folder / options.path
        evidence = Evidence(folder, context.folder / options.key) if options.evidence else None
        self._archive = Archive(context.node, folder, options, evidence, context.origin)
        self.recorder = Recorder(
            context.streams, options, self._archive, context.patient, context.announce
        )
        self._videos = {stream: self._video(stream) for stream in context.streams}

    async def open(self) -> None:
        """Make the folder, mend what is in it, begin to record. Raises BadSink."""
        if self._options.mode != "continuous" and self._context.when is None:
            raise BadSink(
                f"mode {self._options.mode}: wanted `when`, which says what an event is, got none"
            )
        await asyncio.to_thread(check, self._context.node, self._options.encoder)
        await asyncio.to_thread(self._archive.open)
        self.recorder.start()
        for video in self._videos.values():
            video.attach(self.recorder.take)
            video.open()

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Pass on pictures that have to be drawn, and what was said.

        raises  what the condition `when` raises
        """
        drawn = [
            asyncio.wrap_future(video.draw(delivery))
            for delivery in batch
            if (video := self._videos[delivery.frame.stream]).drawn
        ]
        await asyncio.gather(*drawn)
        if self._options.results:
            self._keep_results(batch)
        if self._context.when is not None and self._options.mode != "continuous":
            for frame in {id(delivery.frame): delivery.frame for delivery in batch}.values():
                if self._context.when(frame.results):
                    event = Said(frame.pts, frame.captured_at, b"", event=True)
                    self.recorder.hear(frame.stream, event)

    async def announce(self, event: Event) -> None:
        """Obey those who say that a stream is to be recorded, or is not; keep what was changed."""
        if event.name == CHANGED:
            self.recorder.note(event)
        if event.name in SWITCHES and event.about in self._videos:
            self.recorder.switch(event.about, on=SWITCHES[event.name])

    async def close(self) -> None:
        """End the files."""
        for video in self._videos.values():
            await asyncio.to_thread(video.close)
        await asyncio.to_thread(self.recorder.close)
        await asyncio.to_thread(self._archive.close)

    def routes(self) -> Sequence[BaseRoute]:
        """The recordings, if the config wants them shown."""
        if not self._options.serve:
            return ()
        return Shelf(self._archive.folder, self._context.streams).routes()

    def counts(self) -> Mapping[str, float]:
        """Whether it records, and what came faster than the disk took it."""
        recorder = self.recorder
        return {
            "recording": recorder.halted is None,
            "lost_packets_total": sum(list(recorder.lost.values())),
            "lost_messages_total": sum(list(recorder.unsaid.values())),
            "lost_encoders_total": sum(video.fallbacks for video in self._videos.values()),
        }

    def address(self) -> Path:
        """The folder."""
        return self._archive.folder

    def _keep_results(self, batch: Sequence[Delivery]) -> None:
        now, monotonic = datetime.now(UTC), time.monotonic()
        for delivery in batch:
            frame = delivery.frame
            for node in delivery.nodes:
                if node in frame.results:
                    line = encode(result_message(frame, node, now, monotonic)) + b"\n"
                    self.recorder.hear(frame.stream, Said(frame.pts, frame.captured_at, line))

    def _video(self, stream: str) -> Video:
        options = self._options
        encoding = Encoding(
            preset=options.preset, crf=options.crf, kbps=options.kbps, width=WIDEST,
            keyframe_s=KEYFRAME_S, encoder=options.encoder,
        )  # fmt: skip
        return Video.of(stream, self._context, encoding, refuse, burn=options.burn, whole=True)
