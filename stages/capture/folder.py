"""A folder of pictures, in the order in which a person would count them."""

import re
from pathlib import Path

import av
import cv2
import numpy as np
import structlog
from av.error import FFmpegError
from numpy.typing import NDArray

from models.files import PICTURES
from stages.capture.options import CaptureOptions
from stages.errors import BadOptions
from stages.picture import Picture
from stages.source import SourceStats
from stages.throttle import Throttle

log = structlog.get_logger()


class Folder:
    """The pictures of one folder, not of those in it, as they were when it was opened."""

    def __init__(self, path: Path, stream: str, options: CaptureOptions) -> None:
        """List the folder.

        raises  BadOptions if there is no picture in it
        """
        self._options = options
        self._stream = stream
        self._throttle = Throttle()
        try:
            files = [one for one in path.iterdir() if one.suffix.lower() in PICTURES]
        except OSError as error:
            raise BadOptions(
                f"source: wanted a folder that can be read, got {path}: {error.strerror}"
            ) from error
        self._files = sorted(files, key=lambda file: natural(file.name))
        if not self._files:
            raise BadOptions(
                f"source: wanted a folder with {', '.join(sorted(PICTURES))}, got none in {path}"
            )

    def __len__(self) -> int:
        """How many files look like pictures."""
        return len(self._files)

    def take(self, number: int, stats: SourceStats) -> Picture | None:
        """Read one picture, upright as its EXIF says; None if it is none, or too large."""
        file = self._files[number]
        size = measure(file, self._options.max_pixels)
        if size is not None and not self._options.fits(*size):
            self._skip(stats, "too_large", file, f"{size[0]}x{size[1]}")
            return None
        pixels = None if size is None else _read(file)
        if pixels is None:
            self._skip(stats, "no_pixels", file, "cannot be read")
            return None
        return Picture.from_bgr(pixels)

    def _skip(self, stats: SourceStats, what: str, file: Path, why: str) -> None:
        stats.counts[what] += 1
        if (held_back := self._throttle.ready(what)) is not None:
            log.warning(
                "capture: picture skipped", stream=self._stream, file=file.name, why=why,
                held_back=held_back,
            )  # fmt: skip


def _read(file: Path) -> NDArray[np.uint8] | None:
    try:
        pixels = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        return None
    return None if pixels is None else np.asarray(pixels, np.uint8)


def measure(file: Path, max_pixels: int) -> tuple[int, int] | None:
    """(width, height) as the file states them, None if it is no picture that can be read.

    A few bytes may unfold to gigabytes: FFmpeg is told a limit, OpenCV is only called below it.
    """
    try:
        with av.open(str(file), options={"max_pixels": str(max_pixels)}) as container:
            context = container.streams.video[0].codec_context
            size = context.width, context.height
    except (FFmpegError, OSError, IndexError):
        return None
    return size if min(size) > 0 else None  # 0 of a picture beyond the limit, for one


def natural(name: str) -> list[tuple[int, str]]:
    """A sorting key under which frame2 comes before frame10."""
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
