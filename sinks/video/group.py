"""The packets since the last keyframe, so that whoever comes later sees a picture at once."""

from collections.abc import Sequence

from stages.lane import Packet

MOST_PACKETS = 1500  # a minute at 25 a second: cameras send a keyframe every 1 to 10 seconds
MOST_BYTES = 32 * 1024 * 1024


class Group:
    """One group of pictures, as far as it has come. Grows to a bound, then is given up."""

    def __init__(self) -> None:
        self._packets: list[Packet] = []
        self._bytes = 0

    @property
    def packets(self) -> Sequence[Packet]:
        """From a keyframe on; empty while none has come, or when there were too many."""
        return self._packets

    @property
    def seconds(self) -> float:
        """How long ago, of stream time, it began."""
        return self._packets[-1].pts - self._packets[0].pts if self._packets else 0.0

    def take(self, packet: Packet) -> None:
        """Add the next packet."""
        if packet.keyframe:
            self.clear()
        elif not self._packets:
            return
        self._packets.append(packet)
        self._bytes += len(packet.data)
        if len(self._packets) > MOST_PACKETS or self._bytes > MOST_BYTES:
            self.clear()

    def clear(self) -> None:
        """What comes next does not follow from what is here."""
        self._packets = []
        self._bytes = 0
