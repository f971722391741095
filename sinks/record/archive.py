"""A folder of recordings: its files, its index, who writes into it, and what has to go."""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from sinks.errors import BadSink
from sinks.record.evidence import Evidence
from sinks.record.index import Entry, Index, Span
from sinks.record.mend import mend, mend_one
from sinks.record.options import RecordOptions
from sinks.record.segment import Segment, files_of
from sinks.wire import moment
from stages.events import Event
from stages.lane import Packet

log = structlog.get_logger()

LOCK = ".lock"
MB, GB = 1_000_000, 1_000_000_000


class Archive:
    """One folder, written by one process. Used by one thread, after `open`."""

    def __init__(
        self,
        node: str,
        folder: Path,
        told: RecordOptions,
        evidence: Evidence | None = None,
        origin: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """Touch nothing yet.

        node    the sink's name in the config
        origin  see `SinkContext`
        """
        self.node = node
        self.folder = folder
        self._keep = None if told.keep_days is None else timedelta(days=told.keep_days)
        self._most = None if told.keep_gb is None else told.keep_gb * GB
        self._evidence = evidence
        self._mode = told.mode
        self._origin = origin
        self._least = told.least_free_mb * MB
        self._writing: dict[str, Segment] = {}
        self._lock: int | None = None
        self._index: Index | None = None
        self._ready = False

    def open(self) -> None:
        """Make the folder, mend what a killed process has left. Raises BadSink."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadSink(
                f"path {self.folder}: wanted a folder of its own, got one that is recorded into"
            ) from None
        except OSError as error:
            raise BadSink(
                f"path {self.folder}: wanted a folder to record into, got: {error}"
            ) from error
        try:
            self.prepare()
        except (OSError, sqlite3.Error) as error:
            log.error("recording: waits", folder=str(self.folder), error=str(error))
        except ValueError as error:
            self._let_go()
            raise BadSink(str(error)) from error

    def prepare(self) -> None:
        """Open the index and the evidence, and mend; once that has worked, nothing.

        raises  OSError, sqlite3.Error while the disk is full; ValueError if there is no evidence
                in its files
        """
        if self._ready:
            return
        if self._index is None:
            self._index = Index(self.folder)
        if self._evidence is not None:
            self._evidence.open(self._mode, self._origin())
        self.mend()
        self._ready = True

    @property
    def index(self) -> Index:
        """The index, once it is open."""
        assert self._index is not None
        return self._index

    def mend(self) -> None:
        """See `sinks.record.mend`. Raises OSError, sqlite3.Error."""
        for entry in mend(self.folder, self.index, frozenset(self._writing)):
            log.warning(
                "recording: a segment was cut off, and is whole up to there",
                segment=entry.id, end=str(entry.end),
            )  # fmt: skip
        if self._evidence is not None:
            entries = self.index.all()
            self._evidence.catch_up([one for one in entries if one.id not in self._writing])

    def room(self) -> str | None:
        """Why there is no room to record, or None if there is. Raises OSError."""
        free = shutil.disk_usage(self.folder).free
        if free >= self._least:
            return None
        return f"the disk has {free / MB:.0f} MB left, of {self._least / MB:.0f} that are kept free"

    def begin(self, first: Packet) -> Segment:
        """A new segment. Raises OSError, sqlite3.Error, av.FFmpegError."""
        segment = Segment(self.folder, first)
        self._writing[segment.id] = segment
        try:
            self.index.put(self._entry(segment, ended=False))
        except sqlite3.Error:
            segment.abandon()
            del self._writing[segment.id]
            raise
        return segment

    def end(self, segment: Segment) -> None:
        """Its video is over. Raises OSError, sqlite3.Error, av.FFmpegError."""
        segment.close()
        self.index.put(self._entry(segment, ended=True))

    def seal(self, segment: Segment) -> None:
        """Nothing more will be said about it. Raises OSError, sqlite3.Error."""
        self._writing.pop(segment.id, None)
        segment.seal()
        entry = self._entry(segment, ended=True)
        self.index.put(entry)
        if self._evidence is not None:
            self._evidence.segment(entry)

    def give_up(self, segment: Segment) -> None:
        """Close a segment that cannot be written, and keep what is whole of it, now or later."""
        segment.abandon()
        self._writing.pop(segment.id, None)
        with suppress(OSError, sqlite3.Error):  # `mend` tries again when there is room
            entry = mend_one(self.folder, segment.path, self.index)
            if entry is not None and self._evidence is not None:
                self._evidence.segment(entry, late=True)

    def mark(self, span: Span) -> None:
        """Add an event, or say how far it has come. Raises sqlite3.Error."""
        self.index.mark(span)

    def gap(self, stream: str, start: datetime, end: datetime, why: str) -> None:
        """Nothing was recorded of a stream from one moment to another."""
        log.warning("recording: a gap", stream=stream, start=str(start), end=str(end), why=why)
        if self._evidence is not None:
            self._evidence.gap(stream, moment(start), moment(end), why)

    def changed(self, event: Event) -> None:
        """A setting was changed. Raises OSError."""
        if self._evidence is not None:
            self._evidence.setting(event.about, moment(event.at), event.detail)

    def tidy(self, now: datetime | None = None) -> None:
        """Remove what is too old, then the oldest while there is too much.

        raises  OSError, sqlite3.Error
        """
        if self._keep is None and self._most is None:
            return
        now = now or datetime.now(UTC)
        entries = self.index.all()
        size = sum(one.bytes for one in entries)
        for one in entries:
            if one.end is None or one.id in self._writing:
                continue
            old = self._keep is not None and one.end < now - self._keep
            if old or (self._most is not None and size > self._most):
                self._remove(one, "keep_days" if old else "keep_gb")
                size -= one.bytes

    def close(self) -> None:
        """Let go of the folder. Raises OSError if the end of the evidence could not be written."""
        try:
            if self._evidence is not None and self._ready:
                self._evidence.close()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _remove(self, one: Entry, why: str) -> None:
        if self._evidence is not None:
            self._evidence.removed(one.id, why)
        path = self.folder / one.path
        for file in files_of(path):
            file.unlink()
        self.index.remove(one)
        with suppress(OSError):  # other segments of that day
            path.parent.rmdir()
        log.info("recording: removed", segment=one.id, why=why)

    def _entry(self, segment: Segment, *, ended: bool) -> Entry:
        return Entry(
            segment.id, segment.stream, str(segment.path.relative_to(self.folder)),
            segment.coding.codec, segment.start, segment.end if ended else None, segment.pts,
            segment.end_pts if ended else None,
            sum(one.stat().st_size for one in files_of(segment.path)),
        )  # fmt: skip
