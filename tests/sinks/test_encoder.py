"""The encoders of H.264: what NVENC is told, and that x264 takes over without a picture lost."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import get_args

import av
import pytest
from av.codec.context import CodecOption
from av.error import ExternalError

from sinks.errors import BadSink
from sinks.record import RecordSink
from sinks.record.options import RecordOptions
from sinks.record.remux import refuse
from sinks.restream import RestreamOptions, RestreamSink
from sinks.sink import SinkContext
from sinks.video import Encoding, Video
from sinks.video.coders import Opened, check, nvenc_options, open_x264, settled, why_no_nvenc
from sinks.video.encoder import Encoder
from sinks.video.encoding import TICKS, Preset
from sinks.video.image import image_of
from sinks.webrtc.codecs import profile_of
from sinks.webrtc.options import WebrtcOptions
from sinks.webrtc.sink import WebrtcSink
from stages.capture.packet import VideoPacket
from stages.capture.testcard import Card, read_counter
from stages.events import Event
from stages.lane import Coding, Lane, Packet
from tests.capture.listener import decoded
from tests.factory import grey_frame
from tests.sinks.record.clips import Recording, count_pictures
from tests.sinks.test_video import Read

SIZE = (320, 192)  # larger than the least that NVENC takes
SMALL = (64, 48)  # smaller
CARD = Card(*SIZE)
WHY_NOT = why_no_nvenc()

without_gpu = pytest.mark.skipif(WHY_NOT is None, reason="there is an NVIDIA encoder here")
with_gpu = pytest.mark.skipif(WHY_NOT is not None, reason=f"no NVIDIA encoder: {WHY_NOT}")


def encoded(encoder: Encoder, numbers: Sequence[int], fps: int = 25, key: int = -1) -> list[Packet]:
    """Test cards as packets; `key` is asked to be a keyframe."""
    made = []
    for number in numbers:
        image, pts = image_of(CARD.draw(number), SIZE), number / fps
        data, keyframe = encoder.encode(image, pts, keyframe=number == key)
        coding = Coding("h264", SIZE, encoder.parameter_sets)
        made.append(Packet("a", data, pts, pts, keyframe, 0.0, datetime.now(UTC), coding))
    return made


def numbers_in(packets: list[Packet]) -> list[int | None]:
    return [read_counter(picture) for picture in decoded(packets)]


class Driver:
    """x264 in the place of NVIDIA's driver, which gives out only so many pictures.

    rates  for which it was opened
    """

    def __init__(self, pictures: int = 10_000) -> None:
        self.rates: list[float] = []
        self._left = pictures
        self._opened: Opened

    def open(self, encoding: Encoding, image: av.VideoFrame, rate: float) -> "Driver":
        self.rates.append(rate)
        self._opened = open_x264(encoding, image, rate)
        return self

    def encode(self, image: av.VideoFrame, /) -> Sequence[VideoPacket]:
        if not self._left:
            raise ExternalError(1, "the driver is gone", "avcodec_send_frame()")
        self._left -= 1
        return self._opened.encode(image)


def patient(encoding: Encoding, image: av.VideoFrame, rate: float) -> Opened:
    """An encoder that wants to see more pictures before it gives any out."""
    del encoding, rate
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = image.width, image.height, "yuv420p"
    context.time_base = Fraction(1, TICKS)
    context.open()
    return context


# What NVENC is told ------------------------------------------------------------------------------


def nvenc_has() -> dict[str, CodecOption]:
    try:
        has = av.CodecContext.create("h264_nvenc", "w").supported_options
    except ValueError:
        pytest.skip("FFmpeg was built without h264_nvenc")
    return {option.name: option for option in (*has.generic, *has.private)}


@pytest.mark.parametrize("preset", get_args(Preset))
def test_nvenc_is_told_what_ffmpeg_knows(preset: Preset) -> None:
    has = nvenc_has()
    for name, value in nvenc_options(Encoding(preset)).items():
        assert name in has
        if choices := [choice.name for choice in has[name].choices]:
            assert value in choices


def test_presets_go_from_quick_to_good() -> None:
    told = [nvenc_options(Encoding(preset))["preset"] for preset in get_args(Preset)]
    assert told == ["p1", "p2", "p3", "p4", "p5", "p6", "p7"]


def test_the_best_quality_is_not_taken_for_automatic() -> None:
    assert [nvenc_options(Encoding(crf=crf))["cq"] for crf in (0, 1, 23)] == ["1", "1", "23"]


# Where there is none -----------------------------------------------------------------------------


@without_gpu
def test_auto_is_x264_where_there_is_no_nvenc() -> None:
    assert settled("auto") == "x264"
    told: list[str] = []
    encoder = Encoder(Encoding(encoder="auto"), told.append)
    assert numbers_in(encoded(encoder, range(3))) == [0, 1, 2]
    assert (encoder.coder, told) == ("x264", [])
    check("view", "auto")


@without_gpu
def test_the_reason_is_ffmpegs_own() -> None:
    assert WHY_NOT
    assert "avcodec_open2" not in WHY_NOT
    assert "\n" not in WHY_NOT


@without_gpu
@pytest.mark.parametrize(
    "sink",
    [
        WebrtcSink(WebrtcOptions(encoder="nvenc"), SinkContext("out", ("a",))),
        RestreamSink(RestreamOptions(to="hls", encoder="nvenc"), SinkContext("out", ("a",))),
        RecordSink(RecordOptions(encoder="nvenc"), SinkContext("out", ("a",))),
    ],
)
async def test_nvenc_that_is_not_there_is_an_error_before_anything_runs(
    sink: WebrtcSink | RestreamSink | RecordSink,
) -> None:
    with pytest.raises(
        BadSink, match=r"out: encoder nvenc: wanted .*, got none \(.+\); `encoder: x264`"
    ):
        await sink.open()


# Where it fails ----------------------------------------------------------------------------------


def test_x264_takes_over_with_the_very_picture_at_which_nvenc_failed() -> None:
    told: list[str] = []
    encoder = Encoder(Encoding(encoder="nvenc"), told.append, hardware=Driver(4).open)
    before = encoded(encoder, range(4))
    assert encoder.coder == "nvenc"
    after = encoded(encoder, range(4, 8))
    assert encoder.coder == "x264"
    assert [packet.keyframe for packet in before + after] == [True, *[False] * 3] * 2
    assert numbers_in(before + after) == [*range(8)]
    assert numbers_in(after) == [4, 5, 6, 7]
    assert told == ["avcodec_send_frame: the driver is gone"]


def test_an_encoder_that_holds_a_picture_back_is_given_up_and_the_picture_is_not() -> None:
    told: list[str] = []
    encoder = Encoder(Encoding(encoder="nvenc"), told.append, hardware=patient)
    assert numbers_in(encoded(encoder, range(3))) == [0, 1, 2]
    assert told == ["wanted a packet for each picture, got none from nvenc"]


def test_a_stream_that_nvenc_cannot_take_goes_on_with_x264_and_that_is_told() -> None:
    """With a GPU the picture is too small for it, without there is none: both fail for real."""
    lane, told = Lane(), list[Event]()
    context = SinkContext("view", ("a",), lanes={"a": lane}, announce=told.append)
    video = Video.of("a", context, Encoding(encoder="nvenc"), refuse, burn=False, whole=True)
    video.open()
    lane.open(None)
    assert video.coder is None
    reader = Read()
    video.attach(reader)
    for number in range(3):
        lane.show(grey_frame(number, width=SMALL[0], height=SMALL[1]))
    packets = reader.wait(3)
    assert [packet.pts for packet in packets] == [0, 1 / 25, 2 / 25]
    assert [picture.size for picture in decoded(packets)] == [SMALL] * 3
    assert (video.coder, video.encoded, video.lost, video.fallbacks) == ("x264", 3, 0, 1)
    (event,) = told
    assert (event.name, event.about) == ("encoder.lost", "a")
    assert event.detail["error"]
    video.close()


async def test_a_recording_begins_another_file_where_x264_takes_over(tmp_path: Path) -> None:
    def other(encoding: Encoding, image: av.VideoFrame, rate: float) -> Opened:
        return driver.open(replace(encoding, preset="slow"), image, rate)  # other parameter sets

    driver = Driver(20)
    encoder = Encoder(Encoding(encoder="nvenc"), lambda _: None, hardware=other)
    async with Recording(tmp_path) as recording:
        for packet in encoded(encoder, range(50)):
            assert profile_of(packet.coding.parameter_sets)[:2] == "42"
            recording.sink.recorder.take(packet)
    first, second = recording.files()
    assert (count_pictures(first), count_pictures(second)) == (20, 30)


# How many pictures -------------------------------------------------------------------------------


@pytest.mark.parametrize(("fps", "opened"), [(25, [30]), (30, [30]), (60, [30, 60]), (5, [30])])
def test_a_quicker_stream_is_told_to_nvenc_at_a_keyframe(fps: int, opened: list[int]) -> None:
    driver = Driver()
    encoder = Encoder(Encoding(encoder="nvenc"), lambda _: None, hardware=driver.open)
    packets = encoded(encoder, range(2 * fps + 1), fps, key=2 * fps)
    assert [round(rate) for rate in driver.rates] == opened
    assert [n for n, packet in enumerate(packets) if packet.keyframe] == [0, 2 * fps]


# Where there is one ------------------------------------------------------------------------------


@with_gpu
def test_nvenc_gives_each_picture_at_once_and_keyframes_when_asked() -> None:
    told: list[str] = []
    encoder = Encoder(Encoding(encoder="nvenc"), told.append)
    packets = encoded(encoder, range(50), key=30)
    assert (encoder.coder, told) == ("nvenc", [])
    assert [n for n, packet in enumerate(packets) if packet.keyframe] == [0, 30]
    assert numbers_in(packets) == [*range(50)]
    assert numbers_in(packets[30:]) == [*range(30, 50)]  # parameter sets come with the keyframe


@with_gpu
@pytest.mark.parametrize("preset", get_args(Preset))
def test_nvenc_gives_baseline_without_delay_in_every_preset(preset: Preset) -> None:
    encoder = Encoder(Encoding(preset, encoder="nvenc"), lambda _: None)
    packets = encoded(encoder, range(10))
    assert encoder.coder == "nvenc"
    assert profile_of(encoder.parameter_sets)[:2] == "42"
    assert numbers_in(packets) == [*range(10)]


@with_gpu
def test_nvenc_stays_below_the_bit_rate() -> None:
    encoder = Encoder(Encoding(crf=1, kbps=300, encoder="nvenc"), lambda _: None)
    packets = encoded(encoder, range(250))
    assert encoder.coder == "nvenc"
    assert sum(len(packet.data) for packet in packets[25:]) * 8 / 9 <= 1.1 * 300_000
