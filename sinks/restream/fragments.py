"""H.264 packets as fragmented mp4: a head, and then a fragment for each picture.

FFmpeg's mp4 muxer makes them. It ends a fragment when the next picture comes, since only then it
is known how long this one is shown.
"""

import io
from collections.abc import Iterator
from fractions import Fraction

import av

from stages.lane import Packet

TICKS = 90_000
OPTIONS = {
    "movflags": "empty_moov+default_base_moof+frag_every_frame+frag_discont",
    "use_editlist": "0",
    "avoid_negative_ts": "disabled",
    "flush_packets": "1",
}
"""Each picture is a fragment that can be read by itself and lies at its own time: with frag_discont
the first one too, and without the muxer's ways of moving all times to 0. (Its flag "cmaf" writes
times of showing before those of decoding, and FFmpeg's own reader then moves all of them.)"""
MEDIA = frozenset({b"moof", b"mdat"})


class Fragments:
    """One sequence of packets as mp4.

    head  the initialisation section: ftyp and moov
    """

    def __init__(self, first: Packet) -> None:
        """Begin with a keyframe, which has its parameter sets. Raises av.FFmpegError."""
        self._written = io.BytesIO()
        self._output = av.open(self._written, "w", format="mp4", options=OPTIONS)
        width, height = first.coding.size
        self._stream = self._output.add_mux_stream(first.coding.codec, width=width, height=height)
        self._stream.time_base = Fraction(1, TICKS)
        self._dts = -1
        self._mux(first)
        self.head = self._new()

    def add(self, packet: Packet) -> bytes:
        """Take the next packet, and give the fragment of the one before. Raises av.FFmpegError."""
        self._mux(packet)
        return self._media()

    def end(self) -> bytes:
        """The fragment of the last packet."""
        self._output.close()
        return self._media()

    def _mux(self, packet: Packet) -> None:
        one = av.Packet(packet.data)
        # A stream with B-frames may begin with times of decoding before 0, which mp4 cannot write.
        self._dts = max(self._dts + 1, round(packet.dts * TICKS))
        one.pts, one.dts = max(self._dts, round(packet.pts * TICKS)), self._dts
        one.time_base = Fraction(1, TICKS)
        one.is_keyframe = packet.keyframe
        one.stream = self._stream
        self._output.mux_one(one)

    def _media(self) -> bytes:
        return b"".join(data for kind, data in boxes(self._new()) if kind in MEDIA)

    def _new(self) -> bytes:
        data = self._written.getvalue()
        self._written.seek(0)
        self._written.truncate()
        return data


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes of an mp4 at its top: kind, and all of its bytes (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at : at + size]
        at += size
