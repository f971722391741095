"""What goes over the data channel comes out the same."""

import math
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from models.results import FaceMesh
from sinks.webrtc.overlay_message import (
    FLOATS,
    MOST_BYTES,
    BadOverlay,
    TooLarge,
    decode,
    encode,
    rtp_timestamp,
)
from tests.factory import BEGAN, detections, nothing, top_labels


@dataclass(frozen=True)
class Anything:
    """A result whose data is whatever a test wants."""

    data: dict[str, object] = field(default_factory=dict)
    kind: str = "anything"

    def to_wire(self) -> dict[str, object]:
        return self.data


floats = some.floats(width=32, allow_nan=False)
plain = some.none() | some.booleans() | some.integers(-(2**63), 2**63) | some.text() | floats
rectangles = some.integers(1, 4).flatmap(
    lambda width: some.lists(some.lists(floats, min_size=width, max_size=width))
)
data = some.recursive(
    plain | rectangles | some.lists(floats),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
)


@given(some.dictionaries(some.text(), data), some.floats(0, 1e9), some.integers(0, 2**40))
def test_data_comes_out_as_it_went_in(said: dict[str, object], pts: float, seq: int) -> None:
    message = decode(encode(pts, BEGAN, seq, {"node": Anything(said)}))
    assert message.said["node"].data == said
    assert message.said["node"].kind == "anything"
    assert (message.pts, message.seq, message.rtp) == (pts, seq, rtp_timestamp(pts))
    assert message.at == BEGAN.timestamp() * 1e3


@given(some.binary(max_size=200))
def test_other_bytes_are_refused_in_one_way(junk: bytes) -> None:
    with pytest.raises(BadOverlay):
        decode(junk)


def test_a_lying_extension_is_refused() -> None:
    for body in (b"", b"\x00", b"\x02\x00\x01", b"\x01\xff\xff\x00\x00\x00\x00", b"\xff" * 40):
        ext = msgspec.msgpack.Ext(1, body)
        said = {"n": {"kind": "k", "data": {"x": ext}}}
        message = {"v": 1, "rtp": 0, "seq": 0, "at": 0.0, "pts": 0.0, "said": said}
        with pytest.raises(BadOverlay):
            decode(msgspec.msgpack.encode(message))


@pytest.mark.parametrize("shape", [(65535, 65535, 0), (0,), (3, 0, 65535)])
def test_a_few_bytes_do_not_become_billions_of_empty_lists(shape: tuple[int, ...]) -> None:
    floats = msgspec.msgpack.Ext(FLOATS, struct.pack(f"!B{len(shape)}H", len(shape), *shape))
    said = {"n": {"kind": "x", "data": {"points": floats}}}
    data = msgspec.msgpack.encode({"v": 1, "rtp": 0, "seq": 0, "at": 0.0, "pts": 0.0, "said": said})
    with pytest.raises(BadOverlay, match="wanted no dimension of 0"):
        decode(data)


def test_real_results_lose_nothing_but_the_last_bits() -> None:
    said = {
        "detect": detections((0.1, 0.2, 0.3, 0.4), (0.5, 0.5, 1.0, 1.0)),
        "none": nothing(),
        "label": top_labels({"ripe": 0.75, "unripe": 0.25}),
    }
    message = decode(encode(1.5, BEGAN, 37, said))
    for node, result in said.items():
        got, sent = message.said[node].data, result.to_wire()
        assert got.keys() == sent.keys()
        for key, value in sent.items():
            if isinstance(value, list) and value and np.array(value).dtype.kind == "f":
                assert np.allclose(got[key], value, atol=1e-6)
            else:
                assert got[key] == value


def test_a_picture_that_goes_out_has_a_message_of_its_own() -> None:
    message = decode(encode(2.0, datetime(2026, 1, 1, tzinfo=UTC)))
    assert message.said == {}
    assert message.seq == -1


def test_the_timestamp_is_the_wire_s() -> None:
    assert rtp_timestamp(0.0) == 0
    assert rtp_timestamp(0.04) == 3600
    assert rtp_timestamp(2**32 / 90_000 + 1) == 90_000  # it starts again after 13 hours
    assert rtp_timestamp(1 / 30) == 3000


def test_a_mesh_is_a_third_as_long_as_in_json() -> None:
    points = np.random.default_rng(0).random((4, 468, 3), np.float32)
    mesh = FaceMesh(points, np.full(4, 0.9, np.float32))
    data = encode(0, BEGAN, 0, {"mesh": mesh})
    assert len(data) < len(msgspec.json.encode(mesh.to_wire())) * 0.6
    assert np.allclose(decode(data).said["mesh"].data["points"], np.round(points, 4), atol=1e-6)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(TooLarge, match=str(MOST_BYTES)):
        encode(0, BEGAN, 0, {"n": Anything({"x": "y" * MOST_BYTES})})


def test_numbers_no_float32_can_hold_stay_as_they_are() -> None:
    data = {"x": [1e300, 0.5], "y": [math.inf, 1.0]}
    assert decode(encode(0, BEGAN, 0, {"n": Anything(data)})).said["n"].data == data
