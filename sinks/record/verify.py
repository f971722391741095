"""Checks a folder of recordings against its chain, with nothing but what is in the folder."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from models.originals import digest
from sinks.record.chain import FIRST, BadLink, Link, check, parse, public_key, sha256
from sinks.record.evidence import NAME, SEALED
from sinks.record.segment import ID

LONGEST_S = 8.0
"""Seconds between two segments of a stream, beyond what the second begins after the first's last
picture, that need no record: a stream may give a picture only every few seconds."""


class Broken(Exception):
    """The folder is not as it was recorded; the message says where first, and how."""


@dataclass(slots=True)
class Checked:
    """What was found, as far as it went.

    records   links of the chain
    segments  whose files are as they were
    removed   segments that gave way in order
    gaps      (stream or "all streams", from, to, why)
    settings  options that were changed: (node and option, since when, before, after, by whom)
    late      segments that were vouched for only after the process had been killed
    key       the public key
    head      the digest of the last link: who has written it down sees later that nothing is gone
    open      it is being recorded into, or the process was killed: the last run has no end
    """

    records: int = 0
    segments: int = 0
    removed: int = 0
    gaps: list[tuple[str, str, str, str]] = field(default_factory=list)
    settings: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    key: str = ""
    head: str = FIRST
    open: bool = False


def verify(folder: Path, key: str | None = None, known: str | None = None) -> Checked:
    """Check all of it.

    key     the public key that must have signed it; the chain's own, if left out
    known   the digest of a link that must be in it
    raises  Broken for the first break; OSError
    """
    try:
        return _verify(folder, key, known)
    except KeyError as error:
        raise Broken(f"a record lacks {error}") from error


def _verify(folder: Path, key: str | None, known: str | None) -> Checked:
    found = Checked()
    links = list(_links(folder, key, found, known))
    gone = {str(link["id"]) for link in links if link["kind"] == "removed"}
    found.removed = len(gone)
    _order(links)
    for number, link in enumerate(links):
        if link["kind"] == "segment" and link["id"] not in gone:
            _files(folder, number, link)
            found.segments += 1
            found.late += [str(link["id"])] if link["late"] else []
        elif link["kind"] == "gap":
            start, end, why = (str(link[name]) for name in ("start", "end", "why"))
            found.gaps.append((str(link["stream"] or "all streams"), start, end, why))
        elif link["kind"] == "setting":
            since, before, after = (str(link[name]) for name in ("since", "before", "after"))
            key, by = f"{link['node']}.{link['option']}", link["by"] or f"command {link['command']}"
            found.settings.append((key, since, before, after, str(by)))
    found.open = links[-1]["kind"] != "end"
    present = {str(link["id"]) for link in links if link["kind"] == "segment"} - gone
    recording = found.open and _is_locked(folder)
    strangers = [one for one in _segments(folder) if one.stem not in present]
    if strangers and not recording:
        raise Broken(f"{strangers[0].relative_to(folder)}: no record vouches for it")
    if found.open and not recording:
        raise Broken(
            f"after record {found.records - 1}: wanted the end of the run, got nothing: the "
            "process was killed and has not recorded here since, or the last records are gone"
        )
    return found


def _links(folder: Path, key: str | None, found: Checked, known: str | None) -> Iterator[Link]:
    path = folder / NAME
    if not path.exists():
        raise Broken(f"{path}: wanted a chain of evidence, got nothing there")
    seen = known is None
    with path.open("rb") as file:
        for number, line in enumerate(file):
            try:
                if number == 0:
                    found.key = key or str(parse(line).get("key", ""))
                link = check(line.removesuffix(b"\n"), number, found.head, public_key(found.key))
            except (BadLink, ValueError) as error:
                raise Broken(f"record {number}: {error}") from error
            if number == 0 and link["kind"] != "begin":
                raise Broken(f"record 0: wanted the beginning of a run, got {link['kind']}")
            found.records, found.head = number + 1, sha256(line.removesuffix(b"\n"))
            seen = seen or found.head == known
            yield link
    if found.records == 0:
        raise Broken(f"{path}: wanted a chain of evidence, got an empty file")
    if not seen:
        raise Broken(f"{path}: wanted a record with the digest {known}, got none")


def _files(folder: Path, number: int, link: Link) -> None:
    """Whether the files of a segment are those that were recorded."""
    files, path = link["files"], folder / str(link["path"])
    assert isinstance(files, dict)
    for suffix in SEALED:
        one = path.with_suffix(suffix)
        place = f"record {number}: {one.relative_to(folder)}"
        if suffix not in files:
            if one.exists():
                raise Broken(f"{place}: wanted no such file, got one")
        elif not one.is_file():
            raise Broken(f"{place}: wanted the file, got nothing there")
        elif digest(one) != files[suffix]:
            raise Broken(f"{place}: it is not as it was recorded")


def _order(links: Sequence[Link]) -> None:
    """Whether each hole between two segments of a stream has a record that says why.

    Moments are text that sorts as time does. A gap is told when it is seen, segments when nothing
    more can be said about them: a gap may stand before the segments around it.
    """
    gaps = [link for link in links if link["kind"] == "gap"]
    last: dict[str, Link] = {}
    continuous = True
    for number, link in enumerate(links):
        if link["kind"] == "begin":
            continuous = link["mode"] != "events"
            last.clear()
        elif link["kind"] == "segment" and not link["late"]:
            stream = str(link["stream"])
            before = last.get(stream)
            last[stream] = link
            if before is None or not continuous:
                continue
            hole = _number(link["pts"]) - _number(before["end_pts"])
            if hole > LONGEST_S and not any(_tells(gap, before, link) for gap in gaps):
                raise Broken(
                    f"record {number}: {hole:.1f} s of {stream} are missing before it, "
                    "and no record says why"
                )


def _tells(gap: Link, before: Link, after: Link) -> bool:
    """Whether a gap is that between two segments."""
    here = gap["stream"] == after["stream"]
    start, end = str(gap["start"]), str(gap["end"])
    return here and start <= str(after["start"]) and end >= str(before["end"])


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _segments(folder: Path) -> Iterator[Path]:
    """The files of recordings, in the order of their names."""
    for path in sorted(folder.glob("*/*/*")):
        if path.suffix in SEALED and ID.fullmatch(path.stem):
            yield path


def _is_locked(folder: Path) -> bool:
    """Whether a process records here."""
    with suppress(FileNotFoundError), (folder / ".lock").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
