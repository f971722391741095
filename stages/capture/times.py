"""The clocks of each picture of a recording: `NAME.times`, 16 bytes a packet.

mp4 has one clock, from 0, and one moment at its start. A stream has two that drift: `pts`, and
`captured_at` of the camera. Both are kept as they were, so that a recording can be played again
under them. In the order of decoding, little-endian: pts as float64, then microseconds since 1970
as int64.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stages.lane import Packet

ENTRY = struct.Struct("<dq")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Time:
    """When a picture was shown, on its stream's clock, and taken, in UTC."""

    pts: float
    captured_at: datetime


def micros(at: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (at - EPOCH) // MICROSECOND


def moment_of(micros: int) -> datetime:
    """The moment so many microseconds after 1970, in UTC."""
    return EPOCH + micros * MICROSECOND


def entry(packet: Packet) -> bytes:
    """What is kept of a packet."""
    return ENTRY.pack(packet.pts, micros(packet.captured_at))


def read_times(path: Path) -> Sequence[Time]:
    """The times of a recording, in the order of decoding; none where the file is missing."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    whole = len(data) - len(data) % ENTRY.size
    return [Time(pts, moment_of(at)) for pts, at in ENTRY.iter_unpack(data[:whole])]
