"""A thread that encodes one stream's pictures, once for all who read them."""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import av
import structlog
from av.error import FFmpegError

from sinks.video.encoder import Encoder
from sinks.video.encoding import Coder, Encoding
from stages.events import Event
from stages.frame import Frame
from stages.lane import Coding, Packet
from stages.stage import unheard
from stages.throttle import Throttle

log = structlog.get_logger()

WAITING = 2  # pictures before the oldest gives way: who watches wants the latest
PLI_PAUSE = (
    0.3  # seconds between keyframes that readers ask for: each costs as much as ten pictures
)


Stamp = Frame | Packet
"""What says when a picture is: the frame that it is of, or the packet that it came from."""


Make = Callable[[], av.VideoFrame | None]


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    stamp: Stamp
    make: Make
    done: "Future[None]" = field(default_factory=Future)


class EncodingThread:
    """Takes pictures from any thread, gives packets from its own.

    encoded, lost  pictures so far; lost are those that came faster than they could be encoded
    coder          what encoded the last one; None before the first
    fallbacks      how often NVENC was given up for x264, see `Encoder`
    """

    def __init__(
        self,
        stream: str,
        encoding: Encoding,
        give: Callable[[Packet], None],
        announce: Callable[[Event], None] = unheard,
        *,
        whole: bool,
    ) -> None:
        """Start nothing yet.

        give      gets the packets, in order
        announce  hears when NVENC is given up
        whole     lose no picture: who offers them waits for `done`
        """
        self.encoded = self.lost = self.fallbacks = 0
        self.coder: Coder | None = None
        self._announce = announce
        self._stream = stream
        self._encoding = encoding
        self._give = give
        self._whole = whole
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._asked = self._must = False
        self._keyed = self._keyed_pts = float("-inf")
        self._throttle = Throttle()

    def offer(self, stamp: Stamp, make: Make) -> "Future[None]":
        """Let a picture be encoded, unless newer ones come before its turn.

        make     called in the encoding thread for what is to be encoded; None: nothing is
        returns  done when it has been encoded or lost
        """
        job = _Job(stamp, make)
        with self._changed:
            if self._closed:
                job.done.set_result(None)
                return job.done
            if self._thread is None:
                name = f"encode-{self._stream}"
                self._thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._thread.start()
            self._jobs.append(job)
            if not self._whole and len(self._jobs) > WAITING:
                self._jobs.popleft().done.set_result(None)
                self.lost += 1
            self._changed.notify()
        return job.done

    def want_keyframe(self, *, at_once: bool) -> None:
        """The next picture shall be a keyframe; if not `at_once`, no sooner than is reasonable."""
        self._asked = True
        self._must = self._must or at_once

    def close(self, *, wait: bool = True) -> None:
        """End the thread, with what waits undone; `wait` until it has ended."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                job.done.set_result(None)
            self._jobs.clear()
            self._changed.notify()
        if wait and self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        encoder = Encoder(self._encoding, self._fell_back)
        while True:
            with self._changed:
                while not self._jobs and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                job = self._jobs.popleft()
            try:
                self._encode(encoder, job)
            except (FFmpegError, ValueError, MemoryError) as error:
                self.lost += 1
                if (held_back := self._throttle.ready()) is not None:
                    log.error("not encoded", stream=self._stream, error=str(error),
                              held_back=held_back)  # fmt: skip
            finally:
                job.done.set_result(None)

    def _encode(self, encoder: Encoder, job: _Job) -> None:
        stamp, image = job.stamp, job.make()
        if image is None:
            return
        data, keyframe = encoder.encode(image, stamp.pts, keyframe=self._due(stamp.pts))
        if keyframe:
            self._keyed, self._keyed_pts = time.monotonic(), stamp.pts
        self.encoded += 1
        self.coder = encoder.coder
        self._give(
            Packet(
                stream=stamp.stream,
                data=data,
                pts=stamp.pts,
                dts=stamp.pts,
                keyframe=keyframe,
                arrived=stamp.arrived,
                captured_at=stamp.captured_at,
                coding=Coding("h264", (image.width, image.height), encoder.parameter_sets),
            )
        )

    def _fell_back(self, why: str) -> None:
        self.fallbacks += 1
        self._announce(Event("encoder.lost", self._stream, {"error": why}))

    def _due(self, pts: float) -> bool:
        """Whether this picture shall be a keyframe."""
        rested = time.monotonic() - self._keyed >= PLI_PAUSE
        if self._must or (self._asked and rested):
            self._asked = self._must = False
            return True
        return pts - self._keyed_pts >= self._encoding.keyframe_s
