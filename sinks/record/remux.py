"""One mp4 file of packets as they come: nothing is decoded or encoded.

The file is fragmented: every half second ends in a fragment of its own that is handed to the
system, so that a process that is killed loses what came after it, and the file can be played.
"""

from fractions import Fraction
from pathlib import Path

import av

from sinks.mp4_writer import Disk
from stages.lane import Coding, Packet

TICKS = 720_000
"""Units of a second: 90,000 of RTP, 24,000 and 30,000 of NTSC and 1,000 of Matroska all divide it,
so that times stay what they were."""
FRAGMENT_US = 500_000
BUFFER = 1 << 18  # bytes that FFmpeg hands over at once
MUXER = {
    # The head is written with the first fragment, when the muxer has seen what the packets are.
    "movflags": "+frag_keyframe+delay_moov+default_base_moof",
    "frag_duration": str(FRAGMENT_US),
    "flush_packets": "1",
    "video_track_timescale": str(TICKS),
}
CODECS = {
    "h264": "h264",
    "hevc": "hevc",
    "av1": "av1",
    "libdav1d": "av1",
    "vp9": "vp9",
    "libvpx-vp9": "vp9",
    "mjpeg": "mjpeg",
    "mpeg2video": "mpeg2video",
}
"""By FFmpeg's name of a decoder: the codec, of those whose packets an mp4 can be made of without
what else a container knew about them."""


def refuse(coding: Coding) -> str | None:
    """Why packets of this coding cannot be recorded as they come, or None if they can."""
    if coding.codec in CODECS:
        return None
    return f"an mp4 file cannot be made of packets of {coding.codec} alone"


class Remux:
    """Writes one stream's packets. The first is at 0 seconds, in the order of showing.

    bytes  written so far
    """

    def __init__(self, path: Path, first: Packet) -> None:
        """Make the file; there must be none.

        first   a keyframe, which is not written yet
        raises  OSError; av.FFmpegError if this is no video that fits into an mp4
        """
        path.touch(exist_ok=False)
        self._disk = Disk(path)
        self._base = first.pts
        self._file = av.open(self._disk, "w", format="mp4", options=MUXER, buffer_size=BUFFER)
        self._file.metadata["title"] = first.stream
        self._file.metadata["creation_time"] = first.captured_at.isoformat()
        width, height = _size(first)
        self._time_base = Fraction(1, TICKS)
        self._stream = self._file.add_mux_stream(
            CODECS[first.coding.codec], width=width, height=height, time_base=self._time_base
        )

    @property
    def bytes(self) -> int:
        """See the class."""
        return self._disk.size

    def add(self, packet: Packet) -> None:
        """Take the next packet, in the order of decoding.

        raises  OSError if the disk takes no more, av.FFmpegError if the packet is none
        """
        one = av.Packet(packet.data)
        one.stream = self._stream
        one.time_base = self._time_base
        one.pts = round((packet.pts - self._base) * TICKS)
        one.dts = round((packet.dts - self._base) * TICKS)
        one.is_keyframe = packet.keyframe
        self._file.mux_one(one)
        if self._disk.error is not None:
            raise self._disk.error
        self._disk.keep()

    def close(self) -> None:
        """End the file and have it put on the disk; what was not whole is cut off.

        raises  OSError if the disk is full, or was; av.FFmpegError
        """
        try:
            self._file.close()
            self._disk.sync()
        finally:
            self._disk.close()


def _size(first: Packet) -> tuple[int, int]:
    """(width, height) of the pictures: the source may not have said, the keyframe does."""
    if all(first.coding.size):
        return first.coding.size
    decoder = av.CodecContext.create(first.coding.codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    for frame in [*decoder.decode(av.Packet(first.data)), *decoder.decode(None)]:
        return frame.width, frame.height
    return 0, 0
