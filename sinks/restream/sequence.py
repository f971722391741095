"""Where one coded video ends and another begins: a receiver has to be told, or opened anew."""

from stages.capture.nal import START
from stages.lane import Packet

KINDS = {"h264": (0x1F, 0, {7, 8}, range(1, 6)), "hevc": (0x3F, 1, {32, 33, 34}, range(32))}
"""By codec: mask and shift of a unit's type in its first byte, the types of parameter sets, and of
slices: ITU-T H.264, table 7-1; H.265, table 7-1."""


class Sequence:
    """The video that a keyframe begins: of one size, under one set of parameters."""

    def __init__(self, first: Packet) -> None:
        """Begin with this keyframe."""
        self.codec, self.size = first.coding.codec, first.coding.size
        self._sets = parameter_sets(self.codec, first.data)

    def goes_on(self, packet: Packet) -> bool:
        """Whether this packet can follow without another beginning."""
        if not packet.keyframe:
            return True
        same = (packet.coding.codec, packet.coding.size) == (self.codec, self.size)
        return same and parameter_sets(self.codec, packet.data) == self._sets


def parameter_sets(codec: str, data: bytes) -> frozenset[bytes]:
    """The parameter sets before the first slice of an access unit in Annex B."""
    if codec not in KINDS:
        return frozenset()
    mask, shift, sets, slices = KINDS[codec]
    found: set[bytes] = set()
    at = data.find(START)
    while 0 <= at < len(data) - 3:
        kind = data[at + 3] >> shift & mask
        if kind in slices:
            break
        end = data.find(START, at + 3)
        if kind in sets:
            found.add(data[at + 3 : end if end >= 0 else None].rstrip(b"\0"))
        at = end
    return frozenset(found)
