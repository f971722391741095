"""Segments and parts of HLS: every picture at its time, and the protocol's rules about lengths."""

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

import av
import pytest

from sinks.restream.playlist import playlist
from sinks.restream.segments import Begin, End, Part, Segmenter, Step
from sinks.restream.shelf import Shelf
from stages.capture.testcard import read_counter
from stages.lane import Packet
from stages.picture import Picture
from tests.sinks.restream.feed import film

ROOM = 100_000_000


def steps(packets: Iterable[Packet], segment_s: float = 2.0, part_s: float = 0.2) -> list[Step]:
    segmenter = Segmenter(segment_s, part_s)
    return [step for packet in packets for step in segmenter.take(packet)]


def put_up(made: Iterable[Step], segments: int = 6, size: int = ROOM) -> Shelf:
    shelf = Shelf(segments, size)
    for step in made:
        shelf.take(step)
    return shelf


def segments_of(made: Iterable[Step]) -> Iterator[tuple[Begin, list[Part]]]:
    """Those that are complete."""
    begin: Begin | None = None
    parts: list[Part] = []
    for step in made:
        if isinstance(step, Begin):
            begin, parts = step, []
        elif isinstance(step, Part):
            parts.append(step)
        elif begin is not None:
            yield begin, parts


def pictures(data: bytes) -> list[tuple[int | None, float]]:
    """Number on the card and time of each picture of an mp4."""
    with av.open(io.BytesIO(data), "r") as container:
        return [
            (read_counter(Picture.from_av(frame)), frame.time or 0.0)
            for frame in container.decode(video=0)
        ]


def of_segment(segment: tuple[Begin, list[Part]]) -> list[tuple[int | None, float]]:
    begin, parts = segment
    return pictures(begin.head + b"".join(part.data for part in parts))


def numbers(first: int, last: int) -> list[tuple[int, object]]:
    return [(number, pytest.approx(number / 25, abs=1e-4)) for number in range(first, last)]


def lengths(made: Iterable[Step]) -> list[float]:
    return [round(sum(part.seconds for part in parts), 4) for _, parts in segments_of(made)]


def test_each_segment_can_be_read_by_itself_and_no_picture_is_missing() -> None:
    made = [*segments_of(steps(film(151, gop=50, first=25)))]
    assert [of_segment(one) for one in made] == [
        numbers(25, 75), numbers(75, 125), numbers(125, 175)
    ]  # fmt: skip
    assert len({begin.head for begin, _ in made}) == 1


def test_each_part_can_be_read_when_it_begins_with_a_keyframe() -> None:
    (begin, parts), *_ = segments_of(steps(film(60, gop=50)))
    assert pictures(begin.head + parts[0].data) == numbers(0, 5)
    assert [part.independent for part in parts] == [True] + [False] * 9


def test_b_frames_keep_their_times() -> None:
    options = {"tune": "film", "preset": "fast", "bf": "2"}
    packets = [*film(120, gop=50, first=50, options=options)]
    assert any(one.pts != one.dts for one in packets)
    first, *_ = segments_of(steps(packets))
    assert of_segment(first) == numbers(50, 100)


def test_times_before_the_beginning_are_written_as_the_beginning() -> None:
    options = {"tune": "film", "preset": "fast", "bf": "2"}
    packets = [*film(120, gop=50, options=options)]
    assert packets[0].dts < 0
    first, *_ = segments_of(steps(packets))
    assert of_segment(first) == numbers(0, 50)


@pytest.mark.parametrize("fps", [10.0, 23.976, 25.0, 30.0, 50.0])
def test_parts_are_no_longer_than_announced_and_hardly_shorter(fps: float) -> None:
    made = steps(film(400, gop=50, fps=fps))
    (target,) = {step.longest_part for step in made if isinstance(step, End)}
    for _, parts in segments_of(made):
        for number, part in enumerate(parts):
            assert part.seconds <= target
            exempt = part.independent or number == len(parts) - 1
            assert exempt or part.seconds >= 0.85 * target or fps == 10


def test_segments_last_until_the_first_keyframe_after_their_time() -> None:
    assert lengths(steps(film(200, gop=20), segment_s=1.0)) == [1.6] * 4


def test_a_segment_that_is_hardly_longer_than_a_second_counts_as_one() -> None:
    made = steps(film(200, gop=30, fps=29.97), segment_s=1.0)
    assert {step.longest for step in made if isinstance(step, End)} == {1}


def test_a_source_with_rare_keyframes_gets_longer_segments_and_keeps_to_them() -> None:
    made = steps(chain(film(200, gop=100), film(400, gop=1000, first=200)))
    assert lengths(made)[:2] == [4.0, 4.0]
    assert {step.longest for step in made if isinstance(step, End)} == {4}
    assert all(length < 4.5 for length in lengths(made))
    both = [*segments_of(made)][2:4]
    read = pictures(both[0][0].head + b"".join(p.data for _, parts in both for p in parts))
    assert read == numbers(200, 200 + len(read))


def test_a_first_keyframe_that_never_comes_ends_the_first_segment_all_the_same() -> None:
    made = steps(film(320, gop=1000))
    assert lengths(made) == [12.0]


def test_a_slow_camera_has_parts_of_one_picture() -> None:
    made = steps(film(20, gop=4, fps=1))
    assert lengths(made) == [4.0] * 4
    for _, parts in segments_of(made):
        assert [part.seconds for part in parts] == [1.0] * 4


def test_a_picture_that_lasts_too_long_for_a_part_is_followed_by_gaps() -> None:
    packets = [one for number, one in enumerate(film(151, gop=50)) if not 60 < number < 80]
    made = steps(packets)
    (target,) = {step.longest_part for step in made if isinstance(step, End)}
    *_, (begin, parts), _ = segments_of(made)
    assert sum(part.seconds for part in parts) == pytest.approx(2.0)
    assert all(part.seconds <= target for part in parts)
    gaps = [part for part in parts if not part.data]
    assert sum(part.seconds for part in gaps) == pytest.approx(0.8 - target)
    times = [pts for _, pts in of_segment((begin, parts))]
    assert times == [pts for _, pts in (*numbers(50, 61), *numbers(80, 100))]
    assert "GAP=YES" in playlist(put_up(made))


def test_what_does_not_follow_begins_anew() -> None:
    later = [replace(one, pts=one.pts + 60, dts=one.dts + 60) for one in film(60, first=75)]
    made = steps(chain(film(75), later), segment_s=1.0)
    begins = [step for step in made if isinstance(step, Begin)]
    assert [one.broken for one in begins] == [False, False, False, True, False, False]
    assert lengths(made)[:4] == [1.0] * 4
    text = playlist(put_up(made))
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    assert text.count("#EXT-X-MAP") == 2


def test_a_segment_that_could_not_be_ended_is_as_long_as_what_is_there_of_it() -> None:
    segmenter = Segmenter(1.0, 0.2)
    shelf = Shelf(6, ROOM)
    for packets in (film(65), film(80, first=100)):
        for packet in packets:
            for step in segmenter.take(packet):
                shelf.take(step)
        segmenter.give_up()
    text = playlist(shelf)
    found = re.findall(r"#EXTINF:(.*),", text)
    assert found == ["1.00000", "1.00000", "0.40000", "1.00000", "1.00000", "1.00000"]
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1


def test_another_size_has_another_head() -> None:
    made = [*segments_of(steps(chain(film(50), film(60, first=50, size=(320, 192)))))]
    assert [begin.broken for begin, _ in made] == [False, True]
    assert [of_segment(one) for one in made] == [numbers(0, 50), numbers(50, 100)]


def test_the_playlist_says_what_there_is() -> None:
    shelf = put_up(steps(film(265, gop=50)), segments=3)
    lines = playlist(shelf).splitlines()
    assert "#EXT-X-TARGETDURATION:2" in lines
    assert "#EXT-X-PART-INF:PART-TARGET=0.220" in lines
    assert "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.660" in lines
    assert "#EXT-X-MEDIA-SEQUENCE:2" in lines
    assert lines.count("#EXTINF:2.00000,") == 3
    assert "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T12:00:04.000Z" in lines
    assert lines[-1] == f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{shelf.hint}"'
    for name in re.findall(r'URI="([^"]+)"', "\n".join(lines[:-1])):
        assert shelf.file(name), name


def test_parts_of_old_segments_are_not_listed() -> None:
    text = playlist(put_up(steps(film(620, gop=50)), segments=10))
    assert text.count("#EXTINF") == 10
    assert text.count("#EXT-X-PART:") == 3 * 10 + 3


def test_a_segment_is_the_sum_of_its_parts_and_stays_a_while_when_it_is_not_listed() -> None:
    made = steps(film(800, gop=25), segment_s=1.0)
    shelf = put_up(made[: len(made) // 2], segments=3)
    name = shelf.segments[0].name
    data = b"".join(one.part.data for one in shelf.segments[0].parts)
    assert shelf.file(name) == data
    shelf = Shelf(3, ROOM)
    names: list[str] = []
    for step in made:
        shelf.take(step)
        names += [one.name for one in shelf.segments if one.complete and one.name not in names]
    assert [bool(shelf.file(name)) for name in names] == [False] * (len(names) - 7) + [True] * 7


def test_memory_is_bounded_by_bytes_too() -> None:
    made = steps(film(800, gop=25), segment_s=1.0)
    shelf = put_up(made, segments=100, size=50_000)
    held = {name for name in shelf._files if "segment" in name}
    assert 3 <= len(held) < 10
    assert sum(len(shelf.file(name) or b"") for name in held) <= 50_000


def test_breaks_that_have_left_the_playlist_are_counted() -> None:
    films = (film(50, first=500 * turn, size=(160 + 16 * turn, 96)) for turn in range(6))
    shelf = put_up(steps(chain.from_iterable(films), segment_s=1.0), segments=3)
    text = playlist(shelf)
    listed = text.count("#EXT-X-DISCONTINUITY\n")
    assert f"#EXT-X-DISCONTINUITY-SEQUENCE:{shelf.breaks}\n" in text
    assert shelf.breaks + listed == 5
    assert len([name for name in shelf._files if "init" in name]) <= 5
