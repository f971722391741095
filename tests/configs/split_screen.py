"""A film with faces and cars in it at the same time, for a config that looks for both."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

FPS = 25
SIZE = (1280, 720)
# As a simple camera codes: baseline, 4 Mbit/s, a keyframe every second.
CODING = {"preset": "ultrafast", "tune": "zerolatency", "b": "4M", "maxrate": "4M",
          "bufsize": "4M", "g": str(FPS)}  # fmt: skip


def film(path: Path, left: Path, right: Path, pictures: int) -> Path:
    """Two clips side by side at 1280x720 and 25 a second; the shorter one begins again."""
    width, height = SIZE
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=FPS, options=CODING)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        halves = zip(_half(left), _half(right), strict=False)
        for number, pair in enumerate(islice(halves, pictures)):
            frame = av.VideoFrame.from_ndarray(np.hstack(pair), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode())
    return path


def _half(clip: Path) -> Iterator[np.ndarray]:
    """The middle of each picture, at half the film's width, for ever."""
    width, height = SIZE[0] // 2, SIZE[1]
    while True:
        with av.open(str(clip)) as source:
            for frame in source.decode(video=0):
                picture = frame.to_ndarray(format="bgr24")
                across = min(picture.shape[1], round(picture.shape[0] * width / height))
                start = (picture.shape[1] - across) // 2
                part = picture[:, start : start + across]
                yield cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)
