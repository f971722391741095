"""What the sink `restream` makes of its options and of its streams."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from sinks.errors import BadSink
from sinks.restream import RestreamOptions, RestreamSink
from sinks.sink import Delivery, SinkContext
from stages.capture.testcard import read_counter
from stages.lane import Coding, Lane
from tests.capture.listener import decoded
from tests.factory import delivery, detections
from tests.pipeline.running import Footprint, run, total
from tests.sinks.restream.feed import SIZE
from tests.sinks.test_video import Read, card_frame

SECRET = "rtmp://me:secret@host/live/{stream}"


def options_of(to: str, **options: object) -> RestreamOptions:
    return RestreamOptions.model_validate({"to": to, **options})


def sink_of(to: str, *streams: str, guards: Sequence[str] = (), **options: object) -> RestreamSink:
    lanes = {} if guards else {name: Lane() for name in streams}
    context = SinkContext(
        "out", streams, guards={name: tuple(guards) for name in streams if guards}, lanes=lanes
    )
    return RestreamSink(options_of(to, **options), context)


@pytest.mark.parametrize("to", ["", "HLS", "http://host/a", "rtmp://", "rtmp:// host", "file:a"])
def test_an_address_that_nobody_speaks_is_refused(to: str) -> None:
    with pytest.raises(ValidationError, match="wanted `hls` or an address"):
        options_of(to)


def test_the_password_is_not_shown() -> None:
    sink = sink_of(SECRET, "a", "b")
    assert sink.address() == "rtmp://me:***@host/live/{stream}"
    assert "secret" not in repr(options_of(SECRET))


async def test_two_streams_do_not_meet_at_one_address() -> None:
    with pytest.raises(BadSink, match=r"to rtmp://me:\*\*\*@host: wanted {stream} in it, .* 2"):
        await sink_of("rtmp://me:secret@host", "a", "b").open()


def test_where_it_is_served() -> None:
    assert sink_of("hls", "a").address() == "/streams/a/index.m3u8"
    assert sink_of("hls", "a", "b").address() == "/streams/{stream}/index.m3u8"
    assert not sink_of("rtmp://host/{stream}", "a").routes()


@pytest.mark.parametrize(
    ("to", "codec", "path"),
    [
        ("hls", "h264", "passthrough"),
        ("rtmp://host/a", "h264", "passthrough"),
        ("rtsp://host/a", "h264", "passthrough"),
        ("rtsp://host/a", "hevc", "passthrough"),
        ("rtmp://host/a", "hevc", "encode"),
        ("hls", "hevc", "encode"),
        ("rtsp://host/a", "mjpeg", "encode"),
    ],
)
def test_what_receivers_take_passes_through(to: str, codec: str, path: str) -> None:
    video = sink_of(to, "a").videos["a"]
    video.opened(Coding(codec, SIZE, reorders=True))
    assert video.path == path


@pytest.mark.parametrize(
    ("guards", "burn", "mode", "why"),
    [
        ((), False, "each", "nothing has come yet"),
        ((), True, "frame", "results are drawn into it (`burn: true`)"),
        (("privacy",), False, "frame", "privacy may hide parts of it"),
    ],
)
def test_what_is_drawn_or_hidden_waits_for_the_nodes(
    guards: tuple[str, ...], burn: bool, mode: str, why: str
) -> None:
    sink = sink_of("hls", "a", guards=guards, burn=burn)
    options = options_of("hls", burn=burn)
    assert RestreamSink.mode_for(options, guarded=bool(guards)) == mode
    assert sink.videos["a"].why == why


async def test_results_are_burned_in() -> None:
    frame = card_frame(1)
    frame.say("detect", detections())
    reader, plain = Read(), Read()
    for read, burn in ((reader, True), (plain, False)):
        sink = sink_of("hls", "a", burn=burn)
        await sink.open()
        sink.videos["a"].attach(read)
        await sink.write([delivery(frame)])
        await sink.close()
    assert decoded(reader.wait(1))
    assert not plain.packets, "it comes from the lane"


async def test_a_picture_without_its_guards_word_is_not_shown() -> None:
    sink = sink_of("hls", "a", guards=("privacy",))
    await sink.open()
    reader = Read()
    sink.videos["a"].attach(reader)
    await sink.write([Delivery(card_frame(7), ("capture",))])
    (picture,) = decoded(reader.wait(1))
    assert read_counter(picture) != 7
    await sink.close()


async def test_a_config_runs_with_it_and_nothing_is_left_behind(tmp_path: Path) -> None:
    before = Footprint()
    pipeline = await run(
        tmp_path,
        """
        streams: { a: { source: testcard, size: 160x96, fps: 50 } }
        graph: { slow: { stage: "{stages}:Slow", from: capture, every: 5 } }
        sinks:
          plain: { sink: restream, to: "rtmp://127.0.0.1:1/{stream}", from: capture }
          drawn: { sink: restream, to: hls, burn: true, from: slow }
        http: { listen: "127.0.0.1:0" }
        """,
        seconds=1,
    )
    assert total(pipeline, "drawn").done > 0
    assert total(pipeline, "plain").done == 0
    left = Footprint().added_since(before)
    assert "children" not in left
    names = [str(name) for name in left.get("threads", ())]
    assert not [name for name in names if name.startswith(("push", "hls", "encode"))]
