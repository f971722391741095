"""What an H.264 stream says of its order of decoding: whether a picture is missing before another.

RTP gives no sign of a packet that was lost when it held a whole picture, and FFmpeg decodes the
next one from what it has without a word. `frame_num` tells: it counts the pictures that others are
built from (ITU-T H.264, 7.4.3).
"""

from dataclasses import dataclass

SLICE, IDR, SPS = 1, 5, 7  # NAL unit types, ITU-T H.264, table 7-1
HIGH = {44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244}
"""Profiles whose parameter sets tell of chroma and scaling lists, 7.3.2.1.1."""


class Unreadable(Exception):
    """The bits end too early, or say what cannot be."""


@dataclass(frozen=True, slots=True)
class Counting:
    """How a stream counts, from its sequence parameter set.

    bits    of `frame_num`
    planes  each colour plane is coded by itself, and a slice says which it is
    gaps    the encoder may leave numbers out, so that one that is missing says nothing
    """

    bits: int
    planes: bool
    gaps: bool


class Bits:
    """Reads a NAL unit after its first byte, bit by bit."""

    def __init__(self, unit: bytes) -> None:
        """Take out the bytes that keep start codes out of the unit, 7.4.1.1."""
        data = unit[1:].replace(b"\0\0\3", b"\0\0")
        self._left = len(data) * 8
        self._value = int.from_bytes(data, "big")

    def u(self, count: int) -> int:
        """An unsigned number of so many bits. Raises Unreadable."""
        if count > self._left:
            raise Unreadable("wanted more bits, got the end")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def ue(self) -> int:
        """An unsigned number in the Exp-Golomb code, 9.1. Raises Unreadable."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 31:
                raise Unreadable("wanted a number of 32 bits at most, got more")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """A signed number in the Exp-Golomb code, 9.1.1. Raises Unreadable."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def counting(unit: bytes) -> Counting:
    """What a sequence parameter set says, 7.3.2.1.1. Raises Unreadable."""
    bits = Bits(unit)
    profile = bits.u(8)
    bits.u(16)
    bits.ue()
    planes = profile in HIGH and _pass_high(bits)
    wide = bits.ue() + 4
    if wide > 16:
        raise Unreadable(f"frame_num: wanted 16 bits at most, got {wide}")
    _pass_order(bits)
    bits.ue()
    return Counting(wide, planes, bool(bits.u(1)))


def frame_num(unit: bytes, how: Counting) -> int:
    """The number in a slice's header, 7.3.3. Raises Unreadable."""
    bits = Bits(unit)
    for _ in ("first_mb_in_slice", "slice_type", "pic_parameter_set_id"):
        bits.ue()
    if how.planes:
        bits.u(2)
    return bits.u(how.bits)


def _pass_high(bits: Bits) -> bool:
    """Pass over what high profiles tell; whether colour planes are coded by themselves."""
    chroma = bits.ue()
    planes = chroma == 3 and bool(bits.u(1))
    bits.ue()
    bits.ue()
    bits.u(1)
    if bits.u(1):
        for number in range(12 if chroma == 3 else 8):
            if bits.u(1):
                _pass_list(bits, 16 if number < 6 else 64)
    return planes


def _pass_list(bits: Bits, size: int) -> None:
    """A scaling list, 7.3.2.1.1.1."""
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _pass_order(bits: Bits) -> None:
    """How the order of showing is told."""
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.u(1)
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()
