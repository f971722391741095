"""Results and events as messages."""

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from sinks.wire import (
    BadMessage,
    Encoding,
    ResultMessage,
    decode_event,
    decode_result,
    encode,
    event_message,
    moment,
    result_message,
)
from stages.events import Event
from tests.factory import BEGAN, detections, grey_frame, top_labels

NOON = datetime(2025, 6, 1, 12, 0, 1, tzinfo=UTC)
BOTH = pytest.mark.parametrize("encoding", ["json", "msgpack"])


def message(monotonic: float | None = None) -> ResultMessage:
    frame = grey_frame(7, "lobby", width=320, height=240, results={"detect": detections()})
    return result_message(frame, "detect", NOON, frame.arrived if monotonic is None else monotonic)


@BOTH
def test_a_result_comes_back_as_it_was(encoding: Encoding) -> None:
    assert decode_result(encode(message(), encoding), encoding) == message()


@BOTH
def test_an_event_comes_back_as_it_was(encoding: Encoding) -> None:
    event = event_message(Event("source.back", "lobby", {"away_s": 1.5, "tried": 3, "by": None}))
    assert decode_event(encode(event, encoding), encoding) == event


def test_both_formats_hold_the_same() -> None:
    plain = json.loads(encode(message(), "json"))
    assert plain == msgspec.msgpack.decode(encode(message(), "msgpack"))


def test_a_result_names_its_frame_and_its_picture() -> None:
    said = message()
    assert (said.schema, said.stream, said.node, said.seq) == (1, "lobby", "detect", 7)
    assert (said.pts, said.width, said.height, said.corrupt) == (0.28, 320, 240, False)
    assert said.kind == "detections"
    assert said.data["labels"] == ["person"]


def test_latency_is_taken_on_the_monotonic_clock() -> None:
    frame = grey_frame(0, results={"detect": detections()})
    much_later = BEGAN + timedelta(days=1)
    said = result_message(frame, "detect", much_later, frame.arrived + 0.0125)
    assert said.latency_ms == pytest.approx(12.5, abs=0.001)


def test_moments_always_have_six_digits_so_that_text_sorts_as_time_does() -> None:
    moments = [NOON + timedelta(microseconds=us) for us in (0, 1, 10, 999_999, 1_000_000)]
    text = [moment(at) for at in moments]
    assert text == sorted(text)
    assert text[0] == "2025-06-01T12:00:01.000000Z"
    assert [datetime.fromisoformat(at) for at in text] == moments


def test_moments_of_other_time_zones_are_turned_to_utc() -> None:
    berlin = datetime(2025, 6, 1, 14, 0, 1, tzinfo=timezone(timedelta(hours=2)))
    assert moment(berlin) == moment(NOON)


def test_a_frame_without_a_result_is_a_bare_frame() -> None:
    said = result_message(grey_frame(0, corrupt=True), "capture", NOON, 0)
    assert (said.kind, said.data, said.corrupt) == ("frame", {}, True)


def test_every_kind_of_result_can_be_sent() -> None:
    frame = grey_frame(0, results={"classify": top_labels({"tabby": 0.75, "tiger": 0.25})})
    said = decode_result(encode(result_message(frame, "classify", NOON, 0)))
    assert said.data["labels"] == ["tabby", "tiger"]


def test_json_has_no_line_break_in_it() -> None:
    frame = grey_frame(0, results={"detect": detections(labels=("two\nlines",))})
    assert b"\n" not in encode(result_message(frame, "detect", NOON, 0))


def test_a_reader_ignores_fields_that_it_does_not_know() -> None:
    newer = encode(message()).replace(b'{"schema":1,', b'{"schema":1,"mood":"sunny",')
    assert decode_result(newer) == message()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (b"", "truncated"),
        (b"{}", "missing required field `stream`"),
        (b"\xff\xfe", "malformed"),
        (encode(message())[:-20], "truncated"),
        (encode(message()).replace(b'"schema":1', b'"schema":2'), "`$.schema`"),
        (encode(message()).replace(b'"seq":7', b'"seq":-7'), "`$.seq`"),
        (encode(message()).replace(b"000000Z", b"Z"), "`$.published_at`"),
        (encode(message(), "msgpack"), "malformed"),
    ],
    ids=["empty", "object", "noise", "half", "schema", "seq", "moment", "msgpack"],
)
def test_what_is_no_result_is_refused_with_a_reason(broken: bytes, said: str) -> None:
    with pytest.raises(BadMessage, match="wanted a result of schema 1 in json") as caught:
        decode_result(broken)
    assert said in str(caught.value)


@BOTH
def test_data_that_is_too_deep_is_refused(encoding: Encoding) -> None:
    deep = (b"[" * 5000 + b"]" * 5000) if encoding == "json" else b"\x91" * 5000 + b"\xc0"
    whole = encode(msgspec.structs.replace(message(), data={"a": "deep"}), encoding)
    text = b'"deep"' if encoding == "json" else b"\xa4deep"
    with pytest.raises(BadMessage, match="recursion depth"):
        decode_result(whole.replace(text, deep), encoding)


def test_a_result_is_no_event() -> None:
    with pytest.raises(BadMessage, match="wanted an event of schema 1"):
        decode_event(encode(message()))


def test_numbers_are_as_long_as_they_are_exact() -> None:
    """Rounded as float32, 0.4016 was written 0.4016000032424927."""
    said = detections((0.1, 0.2, 0.3, 0.4), scores=[0.4016])
    assert str(said.to_wire()["boxes"]) == "[[0.1, 0.2, 0.3, 0.4]]"
    assert str(said.to_wire()["scores"]) == "[0.4016]"
