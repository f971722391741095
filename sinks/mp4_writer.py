"""One stream's annotated video in one mp4 file that can be played at any moment.

The file is fragmented: each half second ends in a fragment of its own that is flushed to the disk,
so a process that is killed loses the last half second and no more. The encoder keeps no frame back
(x264's zerolatency), so what `add` has returned from is in the file or in its last fragment.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from sinks.annotate import Size, annotated
from sinks.sink import Delivery
from sinks.video.encoding import TICKS, Preset
from sinks.video.image import BT601, LIMITED, image_of_bgr
from stages.frame import Frame
from stages.placement import Placement

FRAGMENT_US = 500_000
KEYFRAME_S = 2.0  # how far a player must go back to seek
MUXER = {
    "movflags": "+frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": str(FRAGMENT_US),
    "flush_packets": "1",
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How pictures become video.

    preset   how hard x264 tries
    crf      quality, 0 (lossless) to 51
    caption  the stream's name and time are written into the picture
    threads  that x264 may use for one file
    guards   by stream: see `SinkContext`
    """

    preset: Preset = "superfast"
    crf: int = 23
    caption: bool = True
    threads: int = 1
    guards: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Disk:
    """A file that the muxer writes to, which does not forget that a write failed, as FFmpeg may.

    size   bytes written
    error  what the first write that failed has raised, or None
    """

    def __init__(self, path: Path) -> None:
        """Make the file, or empty the one that is there. Raises OSError."""
        self._file = path.open("wb", buffering=0)
        self.size = self._whole = 0
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write all of it. Raises OSError."""
        left = memoryview(data)
        try:
            while left:
                taken = self._file.write(left)
                self.size += taken
                left = left[taken:]
        except OSError as error:
            self.error = error
            raise
        return len(data)

    def keep(self) -> None:
        """What has been written is whole."""
        self._whole = self.size

    def sync(self) -> None:
        """Have the system put on the disk what has been written. Raises OSError."""
        os.fdatasync(self._file.fileno())

    def close(self) -> None:
        """Close the file. After a write that failed, cut off what is not whole, and raise again."""
        if self.error is not None:
            with suppress(OSError):  # not a regular file, then
                self._file.truncate(self._whole)
        self._file.close()
        if self.error is not None:
            raise self.error


class Mp4Writer:
    """Draws, encodes and writes frames at the times that their stream's clock gives them.

    The first frame is at 0. A picture of another size is fitted into the file's, with black bars.
    Not safe to use from two threads at once.
    """

    def __init__(self, path: Path, first: Frame, size: Size, encoding: Encoding) -> None:
        """Make the file, or replace the one that is there.

        first   the frame that will be at 0 seconds
        size    (width, height) of the video, even
        raises  OSError if the file cannot be written
        """
        self.path = path
        self.frames = 0
        self._size = size
        self._caption = encoding.caption
        self._guards = encoding.guards
        self._first_pts = first.pts
        self._last_tick = -1
        self._disk = Disk(path)
        self._next_keyframe = 0
        self._file = av.open(self._disk, "w", format="mp4", options=MUXER)
        self._file.metadata["title"] = first.stream
        self._file.metadata["creation_time"] = first.captured_at.isoformat()
        self._stream = self._file.add_stream(
            "libx264",
            rate=30,  # a hint only: every frame has its own time
            options={
                "preset": encoding.preset,
                "crf": str(encoding.crf),
                "tune": "zerolatency",
                "forced-idr": "1",
            },
        )
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base = Fraction(1, TICKS)
        context.thread_count = encoding.threads
        context.gop_size = 10_000  # keyframes come by time
        context.colorspace, context.color_range = BT601, LIMITED

    def add(self, delivery: Delivery) -> None:
        """Write a frame with what has been said about it.

        raises  OSError if the disk is full, av.FFmpegError if the encoder fails
        """
        frame = delivery.frame
        image = image_of_bgr(self._fitted(delivery))
        tick = max(round((frame.pts - self._first_pts) * TICKS), self._last_tick + 1)
        image.pts, image.time_base = tick, Fraction(1, TICKS)
        if tick >= self._next_keyframe:
            image.pict_type = PictureType.I
            self._next_keyframe = tick + round(KEYFRAME_S * TICKS)
        for packet in self._stream.encode(image):
            self._file.mux(packet)
        self._last_tick = tick
        self._disk.keep()
        self.frames += 1

    def close(self) -> None:
        """Write what is left and end the file, with its last whole fragment if the disk is full.

        raises  OSError if the disk is full, or was
        """
        try:
            for packet in self._stream.encode():
                self._file.mux(packet)
        finally:
            try:
                self._file.close()
            finally:
                self._disk.close()

    def _fitted(self, delivery: Delivery) -> NDArray[np.uint8]:
        place = Placement.of(delivery.frame.picture.size, self._size, "letterbox")
        inner = (place.inner_width, place.inner_height)
        # Rounding to even pixels changes the proportions by a hair: that is no reason for bars.
        if abs(inner[0] - self._size[0]) <= 2 and abs(inner[1] - self._size[1]) <= 2:
            return self._annotated(delivery, self._size)
        canvas = np.zeros((self._size[1], self._size[0], 3), np.uint8)
        rows = slice(place.top, place.top + inner[1])
        columns = slice(place.left, place.left + inner[0])
        canvas[rows, columns] = self._annotated(delivery, inner)
        return canvas

    def _annotated(self, delivery: Delivery, size: Size) -> NDArray[np.uint8]:
        frame = delivery.frame
        return annotated(
            frame, delivery.nodes, size,
            recent=delivery.recent, caption=self._caption,
            guards=self._guards.get(frame.stream, ()),
        )  # fmt: skip
