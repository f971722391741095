"""Which coded pictures no other picture is built from, read from the first bytes of their slices.

The containers seldom say so: `Packet.is_disposable` is unset for MP4 and RTP. H.264 and H.265 write
it into the header of every NAL unit.
"""

from collections.abc import Iterator

from stages.capture.packet import VideoPacket

H264_SLICES = range(1, 6)  # ITU-T H.264, table 7-1
HEVC_SLICES = range(32)  # ITU-T H.265, table 7-1
HEVC_NON_REFERENCE = range(0, 15, 2)  # TRAIL_N, TSA_N, STSA_N, RADL_N, RASL_N, RSV_VCL_N*
START = b"\0\0\1"
HEADS = 16
"""NAL units that are looked at before giving up: parameter sets and messages come before slices."""


class Disposable:
    """Tells for the packets of one stream whether leaving one out harms any other picture."""

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        """Know the codec by FFmpeg's name, and by its `extradata` how its units are framed."""
        self._codec = codec
        self._top_layer = 0
        self._length = length_size(codec, extradata or b"")

    def __call__(self, packet: VideoPacket) -> bool:
        """Whether the packet can be left undecoded. False when in doubt."""
        if packet.is_disposable:
            return True
        if self._codec not in {"h264", "hevc"}:
            return False
        for head in heads(memoryview(packet), self._length, 2):
            if self._codec == "h264" and head[0] & 31 in H264_SLICES:
                return head[0] >> 5 & 3 == 0  # nal_ref_idc
            if self._codec == "hevc" and len(head) > 1 and head[0] >> 1 & 63 in HEVC_SLICES:
                layer = (head[1] & 7) - 1
                self._top_layer = max(self._top_layer, layer)
                # A lower layer's picture may still serve the layers above it.
                return head[0] >> 1 & 63 in HEVC_NON_REFERENCE and layer == self._top_layer
        return False


def heads(data: memoryview, length: int, size: int) -> Iterator[bytes]:
    """The first `size` bytes of each NAL unit of a packet, or less where it ends before.

    length  bytes before each unit that give its length, 0 for start codes
    """
    if length:
        at = 0
        for _ in range(HEADS):
            long = int.from_bytes(data[at : at + length], "big")
            at += length
            if at >= len(data):
                return
            yield bytes(data[at : at + min(size, max(long, 1))])
            at += long
    else:
        whole = bytes(data)
        at = whole.find(START)
        for _ in range(HEADS):
            if at < 0 or at + 3 >= len(whole):
                return
            yield whole[at + 3 : at + 3 + size]
            at = whole.find(START, at + 3)


def length_size(codec: str, extradata: bytes) -> int:
    """Bytes before each unit that give its length (MP4, Matroska), or 0 for start codes.

    ISO/IEC 14496-15: avcC 5.3.3.1, hvcC 8.3.3.1; both begin with version 1.
    """
    if codec == "h264" and len(extradata) > 4 and extradata[0] == 1:
        return (extradata[4] & 3) + 1
    if codec == "hevc" and len(extradata) > 21 and extradata[0] == 1:
        return (extradata[21] & 3) + 1
    return 0
