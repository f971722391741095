"""From the packets of one connection to pictures, with everything odd counted and nothing fatal."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import av
import numpy as np
import structlog
from av.error import EOFError as EndOfFile
from av.error import FFmpegError
from av.video.stream import VideoStream

from stages.capture.options import CaptureOptions
from stages.capture.packet import VideoPacket
from stages.capture.soundness import Soundness
from stages.errors import BadPicture
from stages.picture import Picture
from stages.source import SourceStats
from stages.throttle import Throttle

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Stamp:
    """What travels with a packet through the decoder to its picture.

    taken    UTC at which the picture was taken, if its sender says so
    suspect  it is built from a picture that is damaged or missing
    """

    taken: datetime | None
    suspect: bool


UNTOLD = Stamp(None, suspect=False)


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A picture as it comes out of the decoder.

    raw      its timestamp in seconds from the connection's own origin, or None
    taken    UTC at which it was taken, if its sender said so
    decoded  monotonic seconds
    """

    picture: Picture
    raw: float | None
    taken: datetime | None
    decoded: float
    keyframe: bool
    corrupt: bool


class Decoder:
    """Decodes one video stream with one thread, which adds no frame of latency.

    It never raises for what a stream contains.
    """

    def __init__(
        self,
        name: str,
        stream: VideoStream,
        options: CaptureOptions,
        stats: SourceStats,
        throttle: Throttle,
    ) -> None:
        """Set the decoder up; it opens with the first packet.

        name  of the stream in the config, for the log
        """
        self._name = name
        self._options = options
        self._counts = stats.counts
        self._throttle = throttle
        self._size: tuple[int, int] | None = None
        self._tick = float(stream.time_base or 0)
        self._context = stream.codec_context
        self._soundness = Soundness(self._context.name, self._context.extradata)
        self._context.thread_count = options.threads
        self._context.thread_type = "SLICE" if options.threads == 1 else "AUTO"
        self._context.copy_opaque = True
        # Checked by FFmpeg before a picture is allocated.
        self._context.options |= {"max_pixels": str(options.max_pixels)}

    def decode(self, packet: VideoPacket, taken: datetime | None) -> Iterator[Decoded]:
        """The pictures that this packet lets out.

        taken  UTC at which the packet's own picture was taken, if its sender says so
        """
        suspect = self._soundness.judge(packet)
        if taken is not None or suspect:
            packet.opaque = Stamp(taken, suspect)
        yield from self._take(packet)

    def alone(self, packet: VideoPacket, taken: datetime | None) -> Iterator[Decoded]:
        """The picture of a keyframe, at once, and those that were held back before it."""
        yield from self.decode(packet, taken)
        yield from self.rest()
        self._context.flush_buffers()

    def leave_out(self, packet: VideoPacket) -> None:
        """This packet stays undecoded on purpose: where it was, nothing is missing."""
        self._soundness.judge(packet)

    def pause(self) -> None:
        """All packets stay undecoded, up to some keyframe: less work than to leave each out."""
        self._soundness.pause()

    def rest(self) -> Iterator[Decoded]:
        """The pictures that were held back to be put in order; nothing may follow but a flush."""
        yield from self._take(None)

    def _take(self, packet: VideoPacket | None) -> Iterator[Decoded]:
        try:
            frames = self._context.decode(packet)
        except EndOfFile:
            return  # nothing was ever decoded, or it has been emptied before
        except (FFmpegError, ValueError) as error:
            size = (self._context.width, self._context.height)
            self._soundness.spoil()
            self._note("bad_packets", getattr(error, "strerror", None) or str(error), size)
            return
        now = time.monotonic()
        for frame in frames:
            picture = self._picture(frame)
            if picture is None:
                continue
            raw = None if frame.pts is None else frame.pts * self._tick
            stamp = frame.opaque if isinstance(frame.opaque, Stamp) else UNTOLD
            if frame.is_corrupt:
                self._soundness.spoil()
            corrupt = frame.is_corrupt or stamp.suspect
            if corrupt:
                why = (
                    "the decoder had to guess" if frame.is_corrupt else "one before it was damaged"
                )
                self._note("corrupt", why, picture.size)
                if self._options.on_corrupt == "drop":
                    continue
            self._counts["decoded"] += 1
            yield Decoded(picture, raw, stamp.taken, now, frame.key_frame, corrupt)

    def _picture(self, frame: av.VideoFrame) -> Picture | None:
        size = (frame.width, frame.height)
        if not self._options.fits(*size):
            most = (self._options.max_width, self._options.max_height)
            self._note("too_large", f"wanted at most {most[0]}x{most[1]}", size)
            return None
        try:
            picture = Picture.from_av(frame)
        except (BadPicture, FFmpegError, ValueError) as error:
            self._note("no_pixels", str(error), size)
            return None
        if self._size not in {None, size}:
            self._note("resized", f"was {self._size}", size)
        self._size = size
        return _upright(picture, frame.rotation)

    def _note(self, what: str, why: str, size: tuple[int, int]) -> None:
        self._counts[what] += 1
        if (held_back := self._throttle.ready(what)) is not None:
            log.warning(
                "capture: " + what.replace("_", " "), stream=self._name, why=why,
                size=f"{size[0]}x{size[1]}", held_back=held_back,
            )  # fmt: skip


def _upright(picture: Picture, degrees: int) -> Picture:
    """Turn what a telephone held sideways has taken; `degrees` counter-clockwise, as PyAV says."""
    turns = round(degrees / 90) % 4
    if turns == 0:
        return picture
    turned = tuple(np.ascontiguousarray(np.rot90(plane, turns)) for plane in picture.planes)
    return Picture(turned, picture.colour)
