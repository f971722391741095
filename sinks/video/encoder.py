"""H.264 as live viewers want it: each picture comes out at once, keyframes when asked for."""

from collections.abc import Callable
from fractions import Fraction

import av
from av.error import FFmpegError
from av.video.frame import PictureType

from sinks.video.coders import RATE, Open, Opened, open_nvenc, open_x264, settled
from sinks.video.encoding import TICKS, Coder, Encoding

START = b"\0\0\1"
SETS = frozenset({7, 8})  # sequence and picture parameter sets: ITU-T H.264, table 7-1
WATCHED_S = 1.0  # seconds over which the pictures are counted
QUICKER = 1.25  # times as many pictures as NVENC was opened for are too many for its bit rate


class Encoder:
    """Encodes one stream with NVENC or x264, without ever holding a picture back.

    What it gives is Constrained Baseline, which every browser decodes, in Annex B, with parameter
    sets before each keyframe. Pictures of another size or other colours begin a new sequence.

    Where NVENC cannot be opened for this stream, or fails later (a driver gives so many sessions
    and no more, or is gone), x264 takes over with the very picture, which becomes a keyframe.

    coder           what encodes
    parameter_sets  of the present sequence, in Annex B; empty before the first picture
    """

    def __init__(
        self, encoding: Encoding, lost: Callable[[str], None], *, hardware: Open = open_nvenc
    ) -> None:
        """Open nothing yet: the first picture says how large they are.

        lost      hears why NVENC was given up
        hardware  opens what stands for NVENC
        """
        self.coder: Coder = settled(encoding.encoder)
        self.parameter_sets = b""
        self._encoding = encoding
        self._lost = lost
        self._hardware = hardware
        self._opened: Opened | None = None
        self._shape: tuple[object, ...] = ()
        self._last = -1
        self._rate = RATE
        self._since, self._count = 0, 0  # the tick from which pictures are counted, and how many

    def encode(self, image: av.VideoFrame, pts: float, *, keyframe: bool) -> tuple[bytes, bool]:
        """One picture's access unit, and whether it is a keyframe.

        image     yuv420p, see `sinks.video.image`
        pts       seconds; more than those of the one before
        keyframe  it shall be one
        raises    av.FFmpegError or ValueError if the encoder fails; the next picture begins anew
        """
        self._last = tick = max(round(pts * TICKS), self._last + 1)
        if self.coder == "nvenc":
            try:
                return self._encode(image, tick, keyframe=keyframe)
            except (FFmpegError, ValueError) as error:
                self.coder = "x264"
                self._lost(_said(error))
        return self._encode(image, tick, keyframe=keyframe)

    def _encode(self, image: av.VideoFrame, tick: int, *, keyframe: bool) -> tuple[bytes, bool]:
        shape = (image.width, image.height, image.colorspace, image.color_range)
        # What fails is not used again: it is put back when all has gone well.
        opened, self._opened = self._opened, None
        if shape != self._shape or (keyframe and self._too_quick(tick)):
            opened = None
        begins = opened is None
        if opened is None:
            open_ = self._hardware if self.coder == "nvenc" else open_x264
            opened = open_(self._encoding, image, self._rate)
            self._since, self._count = tick, 0
        image.pts, image.time_base = tick, Fraction(1, TICKS)
        image.pict_type = PictureType.I if keyframe or begins else PictureType.NONE
        packets = opened.encode(image)
        if not packets:
            raise ValueError(f"wanted a packet for each picture, got none from {self.coder}")
        data = b"".join(bytes(packet) for packet in packets)
        if begins:
            self.parameter_sets = _sets(data)
        self._opened, self._shape = opened, shape
        self._count += 1
        return data, any(packet.is_keyframe for packet in packets)

    def _too_quick(self, tick: int) -> bool:
        """Whether NVENC, which shares out the bit rate by pictures, gets more than it knows of."""
        seconds = (tick - self._since) / TICKS
        if self.coder != "nvenc" or seconds < WATCHED_S:
            return False
        rate, self._since, self._count = self._count / seconds, tick, 0
        if rate <= self._rate * QUICKER:
            return False
        self._rate = rate
        return True


def _said(error: FFmpegError | ValueError) -> str:
    """What went wrong and in which of FFmpeg's functions; its own words are in its log only."""
    if not isinstance(error, FFmpegError):
        return str(error)
    function = str(error.filename or "").partition("(")[0]
    return f"{function}: {error.strerror}" if function else str(error.strerror)


def _sets(data: bytes) -> bytes:
    units = [unit for unit in data.split(START) if unit and unit[0] & 0x1F in SETS]
    return b"".join(START + unit.rstrip(b"\0") for unit in units)
