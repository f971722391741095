"""The playlist of a stream in HLS with low latency: draft-pantos-hls-rfc8216bis.

Numbers in brackets are its sections.
"""

from collections.abc import Iterator
from datetime import UTC
from math import ceil

from sinks.restream.shelf import NamedPart, Segment, Shelf

VERSION = 9
PARTS_FOR = 3  # target durations from the end for which parts are listed (6.2.2)
HOLD_BACK = 3  # part targets that a player stays behind the end (4.4.3.8)


def playlist(shelf: Shelf) -> str:
    """The playlist as it is now, once the shelf is ready."""
    return "\n".join(_lines(shelf)) + "\n"


def _lines(shelf: Shelf) -> Iterator[str]:
    part_target = _up(shelf.longest_part)
    yield "#EXTM3U"
    yield f"#EXT-X-VERSION:{VERSION}"
    yield f"#EXT-X-TARGETDURATION:{shelf.longest}"
    hold_back = _up(HOLD_BACK * part_target)
    yield f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={hold_back:.3f}"
    yield f"#EXT-X-PART-INF:PART-TARGET={part_target:.3f}"
    yield f"#EXT-X-MEDIA-SEQUENCE:{shelf.first}"
    yield f"#EXT-X-DISCONTINUITY-SEQUENCE:{shelf.breaks}"
    behind = sum(segment.seconds for segment in shelf.segments)
    head = ""
    for segment in shelf.segments:
        if not segment.parts:
            continue
        behind -= segment.seconds
        if segment.broken:
            yield "#EXT-X-DISCONTINUITY"
        if segment.head != head:
            yield f'#EXT-X-MAP:URI="{segment.head}"'
            head = segment.head
        yield from _segment(segment, parts=behind < PARTS_FOR * shelf.longest)
    yield f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{shelf.hint}"'


def _segment(segment: Segment, *, parts: bool) -> Iterator[str]:
    at = segment.at.astimezone(UTC).isoformat(timespec="milliseconds")
    yield f"#EXT-X-PROGRAM-DATE-TIME:{at.replace('+00:00', 'Z')}"
    if parts:
        yield from map(_part, segment.parts)
    if segment.complete:
        yield f"#EXTINF:{segment.seconds:.5f},"
        yield segment.name


def _part(one: NamedPart) -> str:
    independent = ",INDEPENDENT=YES" if one.part.independent else ""
    gap = "" if one.part.data else ",GAP=YES"
    return f'#EXT-X-PART:DURATION={one.part.seconds:.5f},URI="{one.name}"{independent}{gap}'


def _up(seconds: float) -> float:
    """Rounded up to a millisecond."""
    return ceil(seconds * 1000 - 1e-6) / 1000
