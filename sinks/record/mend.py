"""Makes a folder of recordings whole again after a process was killed, and its index anew.

The files are what counts. A segment that was being written loses what came after its last whole
fragment; one of which nothing was whole is removed. What the index does not know is added to it,
and what is gone is taken out of it.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import msgspec
import structlog
from av.error import FFmpegError

from sinks.record.index import Entry, Index, Span
from sinks.record.segment import ID, files_of, write_vtt
from sinks.wire import BadMessage, decode_event
from stages.capture.times import Time, read_times

log = structlog.get_logger()

EVENT = "recording.event"
HEAD = struct.Struct(">I4s")


def mend(folder: Path, index: Index, writing: frozenset[str] = frozenset()) -> list[Entry]:
    """Bring files and index together.

    writing  ids of the segments that are being written: they are left alone
    returns  the segments that were cut off, as they are now
    raises   OSError, sqlite3.Error
    """
    known = {one.id: one for one in index.all()}
    cut = []
    seen = set()
    for path in sorted(folder.glob("*/*/*.mp4")):
        name = path.stem
        if not ID.fullmatch(name) or name in writing:
            continue
        before = known.get(name)
        if before is not None and before.end is not None:
            seen.add(name)
        elif (entry := mend_one(folder, path, index)) is not None:
            seen.add(name)
            cut.append(entry)
    for name, one in known.items():
        if name not in seen and name not in writing:
            index.remove(one)
    return cut


def mend_one(folder: Path, path: Path, index: Index) -> Entry | None:
    """Put what is left of a segment that nobody has ended into the index, and its events.

    returns  None if nothing was left: then its files are gone
    raises   OSError, sqlite3.Error
    """
    with path.open("r+b") as file:
        file.truncate(whole(path))
    codec, times = _codec(path), read_times(path.with_suffix(".times"))
    seconds = None if codec is None else _seconds(path, times)
    if codec is None or seconds is None:
        for one in files_of(path):
            one.unlink()
        index.forget(path.stem)
        log.warning("recording: nothing was whole of a segment", segment=path.stem)
        return None
    times = times or _guessed(path)
    first = times[0]
    stream = path.parent.parent.name
    _mark_events(path, index)
    with suppress(OSError):
        write_vtt(path, first.pts)
    entry = Entry(
        path.stem, stream, str(path.relative_to(folder)), codec, first.captured_at,
        first.captured_at + timedelta(seconds=seconds), first.pts, first.pts + seconds,
        sum(one.stat().st_size for one in files_of(path)),
    )  # fmt: skip
    index.put(entry)
    return entry


def whole(path: Path) -> int:
    """Bytes of an mp4 file up to the end of its last whole fragment; 0 if there is none."""
    ends = [end for kind, end in boxes(path) if kind in {"mdat", "mfra"}]
    return ends[-1] if ends else 0


def boxes(path: Path) -> Iterator[tuple[str, int]]:
    """The type and the end of each whole box of an mp4 file.

    ISO/IEC 14496-12, 4.2: a box is its size in 32 bits, its type, and what is in it.
    """
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at + HEAD.size <= size:
            file.seek(at)
            length, kind = HEAD.unpack(file.read(HEAD.size))
            if length == 1:
                length = int.from_bytes(file.read(8), "big")
            at += length
            if length < HEAD.size or at > size:
                return
            yield kind.decode("latin-1"), at


def _codec(path: Path) -> str | None:
    """FFmpeg's name of what is in a file; None if there is no video in it."""
    try:
        with av.open(str(path)) as file:
            return file.streams.video[0].codec_context.name
    except (FFmpegError, IndexError):
        return None


def _seconds(path: Path, times: Sequence[Time]) -> float | None:
    """How long the video is; None if there is no picture in it."""
    if times and any(kind == "mfra" for kind, _ in boxes(path)):  # it was ended, and is as it was
        shown = [one.pts for one in times]
    else:
        with av.open(str(path)) as file:
            tick = float(file.streams.video[0].time_base or 0)
            shown = [p.pts * tick for p in file.demux(video=0) if p.pts is not None]
    if not shown:
        return None
    *_, before, last = [0.0, 0.0, *sorted(shown)]
    return last - min(shown) + (last - before if len(shown) > 1 else 0.0)


def _guessed(path: Path) -> list[Time]:
    """By the name of a file, when it began."""
    at = datetime.strptime(path.stem[-22:], "%Y%m%dT%H%M%S-%f").replace(tzinfo=UTC)
    return [Time(0.0, at)]


def _mark_events(path: Path, index: Index) -> None:
    for span in events_in(path.with_suffix(".jsonl"), path.parent.parent.name):
        index.mark(span)


def events_in(lines: Path, stream: str) -> Iterator[Span]:
    """The events that the results of a segment tell of; the last word about each is the longest."""
    if not lines.exists():
        return
    with lines.open("rb") as file:
        for line in file:
            if EVENT.encode() not in line:
                continue
            with suppress(BadMessage, KeyError, TypeError, ValueError, msgspec.MsgspecError):
                event = decode_event(line)
                told = event.detail
                start, end = (datetime.fromisoformat(str(told[key])) for key in ("start", "end"))
                pts, end_pts = (float(told[key] or 0) for key in ("pts", "end_pts"))
                yield Span(stream, start, end, pts, end_pts)
