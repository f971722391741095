"""Which pictures are built from one that is damaged or missing.

A decoder marks the picture in which it had to guess, and not those that are built from it, though
they show the damage as well, up to the next keyframe.
"""

from collections.abc import Iterator

from stages.capture.h264 import IDR, SLICE, SPS, Counting, Unreadable, counting, frame_num
from stages.capture.nal import heads, length_size
from stages.capture.packet import VideoPacket

LASTING = 900
"""Pictures after which damage counts as mended though no keyframe came: half a minute. A stream
that is refreshed bit by bit has none; cameras have one every 20 seconds at the most."""
HEAD = 4096
"""Bytes of a packet in which its parameter sets and the header of its first slice are sought."""
UNIT = 96
"""Bytes of a unit that are read: a parameter set's part up to what is wanted, a slice's header."""


class Soundness:
    """Follows the packets of one connection, in the order of decoding."""

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        """Know the codec by FFmpeg's name, and by its `extradata` how units are framed."""
        extradata = extradata or b""
        self._h264 = codec == "h264"
        self._length = length_size(codec, extradata)
        self._how: Counting | None = None
        self._last: int | None = None
        self._suspect = 0  # pictures to come that are, at most
        if self._h264:
            for unit in _sets(extradata, self._length):
                self._learn(unit)

    def judge(self, packet: VideoPacket) -> bool:
        """Whether the picture of the next packet is built from what is damaged or missing."""
        self._suspect = 0 if packet.is_keyframe else max(0, self._suspect - 1)
        if self._h264:
            for unit in heads(memoryview(packet)[:HEAD], self._length, UNIT):
                kind = unit[0] & 31
                if kind == SPS:
                    self._learn(unit)
                elif kind in {SLICE, IDR}:
                    self._count(unit, idr=kind == IDR)
                    break
        return self._suspect > 0

    def pause(self) -> None:
        """Packets go by that are not judged; the next that is, is a keyframe."""
        self._last = None

    def spoil(self) -> None:
        """A picture could not be decoded, or only in part."""
        self._suspect = LASTING

    def _learn(self, unit: bytes) -> None:
        try:
            self._how = counting(unit)
        except Unreadable:  # it is damaged: nothing can be told before the next
            self._how = None

    def _count(self, unit: bytes, *, idr: bool) -> None:
        if self._how is None:
            self._last = None
            return
        try:
            number = 0 if idr else frame_num(unit, self._how)
        except Unreadable:
            self.spoil()
            return
        if self._last is not None and not idr and not self._how.gaps:
            after = (self._last + 1) % (1 << self._how.bits)
            # The same number again is the second field of a picture.
            if number not in {self._last, after}:
                self.spoil()
        if unit[0] >> 5 & 3:  # nal_ref_idc: others are built from it
            self._last = number


def _sets(extradata: bytes, length: int) -> Iterator[bytes]:
    """The parameter sets of an avcC record (ISO/IEC 14496-15, 5.3.3.1), or with start codes."""
    if not length:
        yield from (one for one in heads(memoryview(extradata), 0, UNIT) if one[0] & 31 == SPS)
    elif len(extradata) > 8 and extradata[5] & 31:
        yield extradata[8 : 8 + int.from_bytes(extradata[6:8], "big")]
