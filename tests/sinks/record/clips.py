"""Packets of short clips for tests of recordings, coded here, and recordings read again."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Self

import av
import numpy as np

from models.results import Result
from sinks.record import RecordOptions, RecordSink
from sinks.sink import SinkContext
from stages.events import Event  # noqa: TC001 - as in the other factories
from stages.frame import Frame
from stages.lane import Coding, Lane, Packet
from tests.factory import BEGAN, FPS, grey_frame

SIZE = (160, 96)
FORMATS = {"mjpeg": "yuvj420p"}


@cache
def clip(
    count: int = 100,
    gop: int = 25,
    codec: str = "libx264",
    *,
    b_frames: int = 0,
    step: Fraction = Fraction(1, FPS),
    noise: int = 16,
) -> tuple[Packet, ...]:
    """`count` pictures of noise, a keyframe every `gop`, at the times that `step` gives."""
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = SIZE
    encoder.pix_fmt = FORMATS.get(codec, "yuv420p")
    encoder.time_base, encoder.framerate = step, 1 / step
    encoder.gop_size, encoder.max_b_frames, encoder.thread_count = gop, b_frames, 1
    if codec == "libx264":
        encoder.options = {"preset": "ultrafast", "sc_threshold": "0"}
    if codec == "libx265":
        encoder.options = {"preset": "ultrafast", "x265-params": "log-level=none:repeat-headers=1"}
    if codec == "libsvtav1":
        encoder.options = {"preset": "12"}
    coding = Coding(encoder.codec.canonical_name, SIZE, b"", b_frames > 0)
    made = []
    with _as_patient_as_before():
        coded = list(_coded(encoder, count, noise))
    for data, pts, dts, keyframe in coded:
        at = BEGAN + timedelta(seconds=float(pts * step))
        seconds = float(pts * step), float(dts * step)
        made.append(Packet("a", data, *seconds, keyframe, 0.0, at, coding))
    return tuple(made)


@contextmanager
def _as_patient_as_before() -> Iterator[None]:
    """SVT-AV1, run by root, gives the thread that opens it the highest priority (SCHED_FIFO).

    All threads that the tests begin from then on would have it too, and others nothing.
    """
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)


def _coded(
    encoder: av.VideoCodecContext, count: int, noise: int
) -> Iterator[tuple[bytes, int, int, bool]]:
    random = np.random.default_rng(3)
    for number in [*range(count), None]:
        image = None
        if number is not None:
            planes = random.integers(100, 100 + noise, (SIZE[1] * 3 // 2, SIZE[0]), np.uint8)
            image = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            image = image.reformat(format=encoder.pix_fmt)
            image.pts, image.time_base = number, encoder.time_base
        for packet in encoder.encode(image):
            assert packet.pts is not None
            dts = packet.pts if packet.dts is None else packet.dts
            yield bytes(packet), packet.pts, dts, packet.is_keyframe


def later(packets: Sequence[Packet], seconds: float) -> list[Packet]:
    """The same, so much later on every clock."""
    return [
        replace(
            one,
            pts=one.pts + seconds,
            dts=one.dts + seconds,
            captured_at=one.captured_at + timedelta(seconds=seconds),
        )
        for one in packets
    ]


class Recording:
    """A sink that records what a test pushes into its lane, in `folder`."""

    def __init__(self, folder: Path, *, stream: str = "a", when: str = "", **options: object):
        from pipeline.expression import compile_condition

        self.lane = Lane()
        self.events: list[Event] = []
        self.folder = folder / "recordings"
        context = SinkContext(
            "record", (stream,), folder, lanes={stream: self.lane},
            when=compile_condition(when).holds if when else None, announce=self.events.append,
        )  # fmt: skip
        told = RecordOptions.model_validate({"least_free_mb": 0, **options})
        self.sink = RecordSink(told, context)

    async def __aenter__(self) -> Self:
        await self.sink.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.sink.close()

    def push(self, packets: Sequence[Packet]) -> None:
        """As a connection does it."""
        self.lane.open(packets[0].coding)
        for packet in packets:
            self.lane.push(packet)

    def files(self, suffix: str = ".mp4") -> list[Path]:
        """Those of all segments, the oldest first."""
        return sorted(self.folder.glob(f"*/*/*{suffix}"))


def said(number: int, results: dict[str, Result]) -> Frame:
    """The frame of a clip's picture, with what nodes have said."""
    return grey_frame(number, width=SIZE[0], height=SIZE[1], results=results)


def read(path: Path) -> list[tuple[Fraction, Fraction, bytes, bool]]:
    """The packets of a file: times of showing and decoding in seconds, data, keyframe."""
    with av.open(str(path)) as file:
        video = file.streams.video[0]
        tick = video.time_base
        assert tick is not None
        return [
            ((one.pts or 0) * tick, (one.dts or 0) * tick, bytes(one), one.is_keyframe)
            for one in file.demux(video)
            if one.size
        ]


def count_pictures(path: Path) -> int:
    """How many can be decoded."""
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))
