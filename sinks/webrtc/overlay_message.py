"""The messages of the data channel `overlay`: what was said about one picture, by RTP timestamp.

Each is one msgpack map:

    v     1, the version; a reader leaves alone what it does not know
    rtp   the picture's RTP timestamp, the same for every viewer: see `rtp_timestamp`
    seq   the frame's number in its stream; -1 where the message only says that the picture goes out
    at    when it was taken, in milliseconds since 1970, by the camera's clock where it sends one
    pts   seconds since the stream began
    said  by node: {"kind": str, "data": {..}} as in docs/schema.md

A rectangular list of floats, nested or not, is an extension of type 1 instead: its number of
dimensions (uint8), each dimension (uint16, big-endian), then float32, little-endian. It is a half
or a third as long, and a browser reads it as a Float32Array.
"""

from collections.abc import Mapping
from datetime import datetime
from struct import calcsize, pack, unpack_from
from typing import Final, Literal

import msgspec
import numpy as np

from models.results import Result
from sinks.errors import SinkError

VERSION: Final = 1
FLOATS = 1
MOST_BYTES = 64 * 1024
"""Of a message: what every browser takes over a data channel (RFC 8841, section 6.1)."""
CLOCK = 90_000
"""Ticks of a second: RFC 6184, section 8.2.1."""
UNNUMBERED = -1
_LARGEST = float(np.finfo(np.float32).max)
_MOST_DIMENSIONS = 8
_MOST_ALONG = 0xFFFF


class TooLarge(SinkError):
    """A message that would not fit through a data channel."""


class BadOverlay(SinkError):
    """Bytes that are no message of this version."""


class Said(msgspec.Struct, frozen=True):
    """What one node has said: the kind of its result, and the result."""

    kind: str
    data: dict[str, object]


class OverlayMessage(msgspec.Struct, frozen=True):
    """See the module."""

    v: Literal[1]
    rtp: int
    seq: int
    at: float
    pts: float
    said: dict[str, Said]


def rtp_timestamp(pts: float) -> int:
    """The RTP timestamp of the picture at `pts` seconds of its stream's clock."""
    return round(pts * CLOCK) & 0xFFFFFFFF


def encode(
    pts: float,
    captured_at: datetime,
    seq: int = UNNUMBERED,
    said: Mapping[str, Result] | None = None,
) -> bytes:
    """The message about the picture at `pts` seconds.

    raises  TooLarge
    """
    told = {
        node: {"kind": result.kind, "data": {k: _packed(v) for k, v in result.to_wire().items()}}
        for node, result in (said or {}).items()
    }
    message = {
        "v": VERSION, "rtp": rtp_timestamp(pts), "seq": seq,
        "at": captured_at.timestamp() * 1e3, "pts": pts, "said": told,
    }  # fmt: skip
    data = _encoder.encode(message)
    if len(data) > MOST_BYTES:
        raise TooLarge(f"overlay: wanted at most {MOST_BYTES} bytes, got {len(data)} of {[*told]}")
    return data


def decode(data: bytes) -> OverlayMessage:
    """Read a message, with lists where the sender had lists. Raises BadOverlay."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadOverlay(
            f"overlay: wanted a message of version {VERSION}, got {data[:60]!r}: {error}"
        ) from error


def _packed(value: object) -> object:
    """The same with rectangles of floats as extensions."""
    if isinstance(value, Mapping):
        return {key: _packed(inner) for key, inner in value.items()}
    if not isinstance(value, list | tuple):
        return value
    shape = _rectangle(value)
    if shape is None:
        return [_packed(inner) for inner in value]
    floats = np.array(value, "<f4")
    return msgspec.msgpack.Ext(FLOATS, pack(f"!B{len(shape)}H", len(shape), *shape) + floats.data)


def _rectangle(value: object) -> tuple[int, ...] | None:
    """The dimensions of nested lists of floats; () for a float; None for anything else.

    A number that no float32 can hold is anything else, as is an empty list.
    """
    if isinstance(value, float):
        return () if abs(value) <= _LARGEST or value - value != 0 else None
    if not isinstance(value, list | tuple) or not 0 < len(value) <= _MOST_ALONG:
        return None
    inner = _rectangle(value[0])
    if inner is None or len(inner) >= _MOST_DIMENSIONS:
        return None
    if any(_rectangle(one) != inner for one in value[1:]):
        return None
    return (len(value), *inner)


def _unpacked(code: int, data: memoryview) -> object:
    if code != FLOATS:
        raise msgspec.ValidationError(f"wanted extension {FLOATS}, got {code}")
    dimensions = data[0] if data else 0
    head = calcsize(f"!B{dimensions}H")
    if not 0 < dimensions <= _MOST_DIMENSIONS or len(data) < head:
        raise msgspec.ValidationError(f"floats: wanted 1 to 8 dimensions, got {dimensions}")
    shape = unpack_from(f"!{dimensions}H", data, 1)
    if 0 in shape:  # no encoder sends it, and a few bytes would make billions of empty lists
        raise msgspec.ValidationError(f"floats: wanted no dimension of 0, got {shape}")
    if len(data) - head != 4 * int(np.prod(shape, dtype=object)):
        raise msgspec.ValidationError(f"floats: wanted {shape} of them, got {len(data)} bytes")
    return np.frombuffer(data, "<f4", offset=head).reshape(shape).tolist()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(OverlayMessage, ext_hook=_unpacked)
