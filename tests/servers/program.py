"""What the RTSP server shows: a clip or a test card in H.264, cut into pictures once, at start."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
from aiortc.codecs.h264 import H264Encoder
from av.bitstream import BitStreamFilterContext

from tests.servers.film import Size, cards, encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av.video.stream import VideoStream

SPS, PPS = 7, 8  # NAL unit types, ITU-T H.264 table 7-1


@dataclass(frozen=True, slots=True)
class Unit:
    """One coded picture.

    pts, dts  seconds from the start of the program, to show it and to send it
    nals      its H.264 units without start codes
    """

    pts: float
    dts: float
    nals: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Coded pictures in the order of sending, beginning with one that stands alone.

    sps, pps  the H.264 parameter sets, without start codes
    duration  seconds
    """

    units: tuple[Unit, ...]
    sps: bytes
    pps: bytes
    duration: float


def clip_program(path: Path) -> Program:
    """The video of an H.264 file, as it is."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        to_annexb = BitStreamFilterContext("h264_mp4toannexb", video)
        packets = [out for packet in container.demux(video) for out in to_annexb.filter(packet)]
        return _program(packets, float(video.time_base or 1), float(video.average_rate or 25))


def card_program(
    size: Size = (320, 240), fps: int = 25, seconds: float = 10, gop: int = 5, bframes: int = 0
) -> Program:
    """A test card with the numbers 0, 1, 2, ... and a picture that stands alone every `gop`."""
    options = {"g": str(gop), "bf": str(bframes)}
    if bframes:
        options |= {"tune": "stillimage", "b-adapt": "0"}  # zerolatency would leave them out
    packets = encode(cards(size, round(seconds * fps)), size, fps, options)
    return _program(packets, 1 / fps, fps)


def _program(packets: "Iterable[av.Packet[VideoStream]]", tick: float, fps: float) -> Program:
    units: list[Unit] = []
    sets: dict[int, bytes] = {}
    first = None
    for packet in packets:
        if packet.pts is None or packet.dts is None:
            continue
        first = packet.dts if first is None else first
        nals = tuple(H264Encoder._split_bitstream(bytes(packet)))
        sets |= {nal[0] & 31: nal for nal in nals if nal[0] & 31 in {SPS, PPS}}
        units.append(Unit(packet.pts * tick, (packet.dts - first) * tick, nals))
    last = max(unit.pts for unit in units)
    return Program(tuple(units), sets[SPS], sets[PPS], last + 1 / fps)
