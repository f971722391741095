"""A test card as coded video, as `sinks.video.Video` would give it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

import av
from av.video.frame import PictureType

from stages.capture.testcard import Card
from stages.lane import Coding, Packet
from tests.factory import BEGAN, FPS

Reader = Callable[[Packet], None]


class Film:
    """Codes one picture of a card whenever it is told to, for those who are attached.

    wanted  how often a keyframe was asked for
    made    picture numbers that were made a keyframe
    """

    path = "encode"
    why = "a test"

    def __init__(self, width: int = 320, height: int = 192, bitrate: int = 500_000) -> None:
        self.size = (width, height)
        self.number = 0
        self.wanted = 0
        self.keyframes: list[int] = []
        self._card = Card(width, height)
        self._coder = av.CodecContext.create("libx264", "w")
        self._coder.width, self._coder.height = width, height
        self._coder.pix_fmt = "yuv420p"
        self._coder.bit_rate = bitrate
        self._coder.framerate = Fraction(FPS)
        self._coder.time_base = Fraction(1, FPS)
        self._coder.gop_size = 10_000
        self._coder.options = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}
        self._readers: dict[Reader, bool] = {}
        self._wants = False
        self._lock = threading.Lock()

    def attach(self, reader: Reader) -> "Ticket":
        with self._lock:
            self._readers[reader] = False
            self._wants = True
        return Ticket(self, reader)

    def want_keyframe(self) -> None:
        self.wanted += 1
        self._wants = True

    @property
    def watched(self) -> int:
        return len(self._readers)

    def step(self) -> None:
        """Code the next picture and give it to all readers."""
        image = av.VideoFrame(*self.size, "yuv420p")
        for plane, pixels in zip(image.planes, self._card.planes(self.number), strict=True):
            width = pixels.shape[1]
            if plane.line_size == width:
                plane.update(pixels.tobytes())
            else:
                rows = bytearray(plane.line_size * plane.height)
                for row in range(plane.height):
                    at = row * plane.line_size
                    rows[at : at + width] = pixels[row].tobytes()
                plane.update(bytes(rows))
        image.pts = self.number
        if self._wants:
            image.pict_type, self._wants = PictureType.I, False
        for coded in self._coder.encode(image):
            self._give(self.packet(bytes(coded), coded.is_keyframe))
        self.number += 1

    def packet(self, data: bytes, keyframe: bool) -> Packet:
        pts = self.number / FPS
        at = BEGAN + timedelta(seconds=pts)
        return Packet("a", data, pts, pts, keyframe, pts, at, Coding("h264", self.size))

    def _give(self, packet: Packet) -> None:
        if packet.keyframe:
            self.keyframes.append(self.number)
        with self._lock:
            readers = [one for one, ready in self._readers.items() if ready or packet.keyframe]
            self._readers.update(dict.fromkeys(readers, True))
        for reader in readers:
            reader(packet)

    def leave(self, reader: Reader) -> None:
        with self._lock:
            self._readers.pop(reader, None)


@dataclass(frozen=True)
class Ticket:
    """Lets a reader go."""

    film: Film
    reader: Reader

    def want_keyframe(self) -> None:
        self.film.want_keyframe()

    def close(self) -> None:
        self.film.leave(self.reader)
