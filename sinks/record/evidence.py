"""A signed chain beside the recordings that shows that they are what was recorded, and all of it.

`evidence.jsonl` in the folder, one link a line (see `sinks.record.chain`):

    begin    a run: the public key, the digests of the config and of the models, the mode
    segment  one that is complete: the digests of its files
    gap      nothing was recorded of a stream for a while, and why
    setting  an option of a node was given another value than it had: results are of it from then
             on, until the run ends
    removed  one that had to give way, by age or by space
    end      the run ended in order

The key that signs lies elsewhere. `framewire verify` checks all of it (see `sinks.record.verify`).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from models.originals import digest
from sinks.record.appending import Appending
from sinks.record.chain import FIRST, BadLink, own_key, parse, public_text, sha256, signed
from sinks.record.index import Entry
from sinks.wire import moment
from stages.events import Value

NAME = "evidence.jsonl"
SCHEMA = 1
SEALED = (".mp4", ".times", ".jsonl")
"""The files of a segment that are vouched for; the WebVTT file is made of the results."""


class Evidence:
    """Adds links to a folder's chain, which are on the disk then. Every method raises OSError."""

    def __init__(self, folder: Path, key: Path) -> None:
        """Touch nothing yet. `key`: the file of the key that signs."""
        self._folder = folder
        self._key_file = key
        self._file: Appending | None = None
        self._number = 0
        self._prev = FIRST
        self._sealed: set[str] = set()
        self._removed: set[str] = set()

    def open(self, mode: str, origin: Mapping[str, str]) -> None:
        """Go on behind the last whole link, or begin.

        origin  what results come from: digests by name, see `SinkContext.origin`
        raises  also ValueError if the key's file holds none, or the chain is none
        """
        self._key = own_key(self._key_file)
        self._file = Appending(self._folder / NAME, end=b"\n")
        last = self._read()
        if last is not None and last.get("kind") != "end":
            self.gap(None, str(last.get("at")), moment(datetime.now(UTC)), "the process was killed")
        self._add(
            kind="begin", schema=SCHEMA, key=public_text(self._key), mode=mode, origin=dict(origin)
        )

    def segment(self, one: Entry, *, late: bool = False) -> None:
        """A segment is complete. `late`: it has lain there before, with nobody to vouch for it."""
        path = self._folder / one.path
        files = {
            suffix: digest(path.with_suffix(suffix))
            for suffix in SEALED
            if path.with_suffix(suffix).exists()
        }
        self._add(
            kind="segment", id=one.id, stream=one.stream, path=one.path, files=files, late=late,
            start=moment(one.start), end=None if one.end is None else moment(one.end),
            pts=one.pts, end_pts=one.end_pts,
        )  # fmt: skip
        self._sealed.add(one.id)

    def catch_up(self, entries: Iterable[Entry]) -> None:
        """Vouch for what is complete and was not vouched for, as after a process was killed."""
        for one in entries:
            if one.end is not None and one.id not in self._sealed:
                self.segment(one, late=True)

    def gap(self, stream: str | None, start: str, end: str, why: str) -> None:
        """Nothing was recorded of a stream, or of all, from one moment to another."""
        self._add(kind="gap", stream=stream, start=start, end=end, why=why)

    def setting(self, node: str, since: str, told: Mapping[str, Value]) -> None:
        """An option of a node was changed. `told`: the detail of the event `setting.changed`."""
        self._add(kind="setting", node=node, since=since, **told)

    def removed(self, segment: str, why: str) -> None:
        """A segment is about to be removed."""
        if segment in self._sealed and segment not in self._removed:
            self._add(kind="removed", id=segment, why=why)
            self._removed.add(segment)

    def close(self) -> None:
        """The run ends in order."""
        if self._file is not None:
            try:
                self._add(kind="end")
            finally:
                self._file.close()

    def _read(self) -> Mapping[str, object] | None:
        """What the chain holds already; the last link of it."""
        link = None
        with (self._folder / NAME).open("rb") as file:
            for line in file:
                try:
                    link = parse(line)
                except BadLink as error:
                    raise ValueError(f"{self._folder / NAME}: {error}") from error
                self._number += 1
                self._prev = sha256(line.rstrip(b"\n"))
                ids = {"segment": self._sealed, "removed": self._removed}.get(str(link["kind"]))
                if ids is not None:
                    ids.add(str(link["id"]))
        return link

    def _add(self, **told: object) -> None:
        assert self._file is not None
        link = {"n": self._number, "prev": self._prev, "at": moment(datetime.now(UTC)), **told}
        line = signed(link, self._key)
        self._file.add(line + b"\n")
        self._file.flush()
        self._number += 1
        self._prev = sha256(line)
        self._file.sync()
