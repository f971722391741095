"""A stream's video as VP8, for browsers that take no H.264: encoded once for all of them.

It is made from the H.264 that the others get, so it carries what they see and nothing else: where
something is hidden, it is hidden here. That costs a decoding and an encoding more, while such a
browser watches.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

import av
import structlog
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from stages.lane import Coding, Packet
from stages.throttle import Throttle

TICKS = 90_000
WAITING = 50  # packets before what waits is given up, to the next keyframe
BEHIND = 2  # pictures that wait, from which on they are decoded only
PLI_PAUSE = 0.3  # seconds between keyframes that readers ask for
KEYFRAME_S = 10.0
CODEC = "libvpx"
REALTIME = {
    "deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "auto-alt-ref": "0",
    "static-thresh": "1", "partitions": "0",
}  # fmt: skip

Reader = Callable[[Packet], None]

log = structlog.get_logger()


class Subscribed(Protocol):
    """What a reader needs of `sinks.video.Subscription`."""

    def want_keyframe(self) -> None:
        """It cannot go on without one."""
        ...

    def close(self) -> None:
        """It wants no more."""
        ...


class Attachable(Protocol):
    """What a viewer needs of `sinks.video.Video`."""

    def attach(self, reader: Reader) -> Subscribed:
        """Begin to read, with a keyframe."""
        ...


class Vp8:
    """Gives packets like the `Video` behind it, in another coding. Used from one thread."""

    def __init__(self, video: Attachable, kbps: int) -> None:
        """Do nothing before somebody reads. `kbps`: kilobits a second at most."""
        self._video = video
        self._kbps = kbps
        self._running: _Transcoding | None = None

    def attach(self, reader: Reader) -> Subscribed:
        """Begin to read; the first packet is a keyframe."""
        if self._running is None:
            self._running = _Transcoding(self._kbps)
            self._running.open(self._video)
        return _Reading(self, self._running, reader)

    def leave(self, one: "_Reading") -> None:
        """A reader wants no more; the last one ends the work."""
        running = self._running
        if running is not None and running.leave(one):
            running.close()
            self._running = None


class _Reading:
    """One reader."""

    def __init__(self, owner: Vp8, running: "_Transcoding", reader: Reader) -> None:
        self._owner = owner
        self._running = running
        self._reader = reader
        self._begun = False
        running.enter(self)

    def want_keyframe(self) -> None:
        self._running.want_keyframe(at_once=False)

    def close(self) -> None:
        self._owner.leave(self)

    def give(self, packet: Packet) -> None:
        self._begun = self._begun or packet.keyframe
        if self._begun:
            self._reader(packet)


class _Transcoding:
    """From the first reader to the last: a thread that decodes and encodes."""

    def __init__(self, kbps: int) -> None:
        self._kbps = kbps
        self._readers: tuple[_Reading, ...] = ()
        self._source: Subscribed | None = None
        self._jobs: deque[Packet] = deque()
        self._changed = threading.Condition()
        self._closed = self._broken = False
        self._asked = self._must = False
        self._keyed = float("-inf")
        self._throttle = Throttle()
        self._encoder: VideoCodecContext | None = None

    def open(self, video: Attachable) -> None:
        threading.Thread(target=self._work, name="vp8", daemon=True).start()
        self._source = video.attach(self._take)

    def enter(self, one: _Reading) -> None:
        self._readers = (*self._readers, one)
        self.want_keyframe(at_once=True)

    def leave(self, one: _Reading) -> bool:
        """Whether that was the last."""
        self._readers = tuple(other for other in self._readers if other is not one)
        return not self._readers

    def want_keyframe(self, *, at_once: bool) -> None:
        self._asked = True
        self._must = self._must or at_once

    def close(self) -> None:
        if self._source is not None:
            self._source.close()
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _take(self, packet: Packet) -> None:
        # In the thread that has the packet, or in `open`.
        with self._changed:
            if packet.keyframe:
                self._broken = False
            elif len(self._jobs) >= WAITING:
                self._jobs.clear()
                self._broken = True
            if not self._broken:
                self._jobs.append(packet)
                self._changed.notify()
            ask = self._broken and self._source is not None
        if ask and self._source is not None:
            self._source.want_keyframe()

    def _work(self) -> None:
        decoder = av.CodecContext.create("h264", "r")
        assert isinstance(decoder, VideoCodecContext)
        decoder.thread_count = 1
        while True:
            with self._changed:
                while not self._jobs and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                packet, behind = self._jobs.popleft(), len(self._jobs)
            try:
                images = decoder.decode(av.Packet(packet.data))
                if images and behind < BEHIND:
                    self._encode(images[-1], packet)
            except FFmpegError as error:
                if (held_back := self._throttle.ready()) is not None:
                    log.warning("no VP8", stream=packet.stream, error=str(error),
                                held_back=held_back)  # fmt: skip

    def _encode(self, image: av.VideoFrame, packet: Packet) -> None:
        size = (image.width, image.height)
        if self._encoder is None or (self._encoder.width, self._encoder.height) != size:
            self._encoder, self._must = self._opened(*size), True
        image = image.reformat(format="yuv420p")
        image.pts, image.time_base = round(packet.pts * TICKS), Fraction(1, TICKS)
        image.pict_type = PictureType.I if self._due() else PictureType.NONE
        for coded in self._encoder.encode(image):
            told = Packet(
                packet.stream, bytes(coded), packet.pts, packet.pts, coded.is_keyframe,
                packet.arrived, packet.captured_at, Coding("vp8", size),
            )  # fmt: skip
            for one in self._readers:
                one.give(told)

    def _due(self) -> bool:
        """Whether this picture shall be a keyframe."""
        now = time.monotonic()
        rested = now - self._keyed
        if self._must or rested > KEYFRAME_S or (self._asked and rested > PLI_PAUSE):
            self._must = self._asked = False
            self._keyed = now
            return True
        return False

    def _opened(self, width: int, height: int) -> VideoCodecContext:
        encoder = av.CodecContext.create(CODEC, "w")
        assert isinstance(encoder, VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.bit_rate = self._kbps * 1000
        encoder.time_base, encoder.framerate = Fraction(1, TICKS), Fraction(30)
        encoder.gop_size = 1_000_000  # keyframes come when they are asked for, or by time
        encoder.thread_count = 1
        encoder.options = {**REALTIME, "maxrate": f"{self._kbps}k", "bufsize": f"{self._kbps}k"}
        return encoder
