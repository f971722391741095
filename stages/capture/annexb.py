"""H.264 and H.265 as a stream of its own: Annex B, parameter sets before each keyframe.

MP4 and Matroska keep them apart and count the bytes of each unit; RTSP may send the parameter sets
in the description of the session only. Browsers and later readers want them where they are needed.
"""

import av
from av.bitstream import BitStreamFilterContext
from av.video.stream import VideoStream

from stages.capture.nal import START, length_size
from stages.capture.packet import VideoPacket

FILTERS = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
PARAMETER_SETS = {"h264": (0x1F, 0, {7}), "hevc": (0x3F, 1, {32, 33})}
"""By codec: mask and shift of a unit's type in its first byte, and the types of parameter sets:
ITU-T H.264, table 7-1 (SPS); H.265, table 7-1 (VPS, SPS)."""
HEAD = 512
"""Bytes at the start of a keyframe in which its parameter sets are, if it has any: they come before
every slice."""


class AnnexB:
    """Turns the packets of one connection, in their order.

    parameter_sets  as Annex B; empty if the container has none, or for another codec
    """

    def __init__(self, video: VideoStream) -> None:
        """Know by the extradata how the packets are framed."""
        codec = video.codec_context
        extradata = bytes(codec.extradata or b"")
        self._codec = codec.name
        self._filter: BitStreamFilterContext | None = None
        self.parameter_sets = b""
        if self._codec not in FILTERS:
            return
        if length_size(self._codec, extradata):
            self._filter = BitStreamFilterContext(FILTERS[self._codec], video)
            # The filter turns the extradata too, and keeps it to itself.
            self.parameter_sets = _sets(self._codec, extradata)
        elif START in extradata:
            self.parameter_sets = extradata

    def __call__(self, packet: VideoPacket) -> bytes:
        """The packet's bytes. A copy; the packet stays as it is.

        raises  av.FFmpegError if its units have impossible lengths
        """
        data = bytes(packet)
        if self._filter is not None:
            # The filter takes what it is given away from its owner, so it gets a packet of its own.
            return b"".join(bytes(one) for one in self._filter.filter(av.Packet(data)))
        if packet.is_keyframe and self.parameter_sets and not self._has_sets(data):
            return self.parameter_sets + data
        return data

    def _has_sets(self, data: bytes) -> bool:
        mask, shift, types = PARAMETER_SETS[self._codec]
        at = data.find(START, 0, HEAD)
        while 0 <= at < len(data) - 3:
            if (data[at + 3] >> shift) & mask in types:
                return True
            at = data.find(START, at + 3, HEAD)
        return False


def _sets(codec: str, extradata: bytes) -> bytes:
    """The parameter sets of an avcC or hvcC record, as Annex B.

    ISO/IEC 14496-15: 5.3.3.1 (avcC: SPS from byte 5, then PPS), 8.3.3.1 (hvcC: arrays from 22).
    """
    units: list[bytes] = []
    at = 5 if codec == "h264" else 22
    groups = 2 if codec == "h264" else _number(extradata, at, 1)
    at += codec == "hevc"
    for group in range(groups):
        if codec == "h264":
            count, at = _number(extradata, at, 1) & (0x1F if group == 0 else 0xFF), at + 1
        else:
            count, at = _number(extradata, at + 1, 2), at + 3
        for _ in range(count):
            size = _number(extradata, at, 2)
            units.append(extradata[at + 2 : at + 2 + size])
            at += 2 + size
            if at > len(extradata):
                return b""  # it lies about its length; the pictures may bring their own
    return b"".join(b"\0" + START + unit for unit in units)


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")
