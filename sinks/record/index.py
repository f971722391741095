"""What has been recorded, in SQLite: found in milliseconds, however much there is.

The files are what counts: the index can be made anew from them (see `mend`). It is in WAL mode, so
that a reader never waits for the writer and a killed process leaves it whole.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from stages.capture.times import micros, moment_of

NAME = "index.sqlite3"
SCHEMA = """
CREATE TABLE IF NOT EXISTS segments (
    id TEXT PRIMARY KEY, stream TEXT NOT NULL, path TEXT NOT NULL, codec TEXT NOT NULL,
    start INTEGER NOT NULL, end INTEGER, pts REAL NOT NULL, end_pts REAL,
    bytes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_start ON segments (start);
CREATE TABLE IF NOT EXISTS events (
    stream TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, pts REAL NOT NULL,
    end_pts REAL NOT NULL, PRIMARY KEY (stream, start)
) WITHOUT ROWID;
"""
MOST = 5000  # segments in one answer: 17 days of files of five minutes


@dataclass(frozen=True, slots=True)
class Span:
    """A recorded event: from the first frame for which `when` held to the last."""

    stream: str
    start: datetime
    end: datetime
    pts: float
    end_pts: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A segment in the index.

    path   of its mp4 file, relative to the folder
    end    None while it is being written, or was when the process was killed
    bytes  of all its files
    """

    id: str
    stream: str
    path: str
    codec: str
    start: datetime
    end: datetime | None
    pts: float
    end_pts: float | None
    bytes: int


class Index:
    """The index as the recording thread has it. Every method raises sqlite3.Error."""

    def __init__(self, folder: Path) -> None:
        """Open it; what is no database is put aside, and a new one begun."""
        path = folder / NAME
        self.fresh = not path.exists()
        try:
            self._db = _opened(path)
        except sqlite3.DatabaseError:
            if not path.exists():
                raise
            for suffix in ("", "-wal", "-shm"):
                part = path.with_name(NAME + suffix)
                if part.exists():
                    part.replace(path.with_name(f"{NAME}{suffix}.broken"))
            self._db = _opened(path)
            self.fresh = True

    def put(self, one: Entry) -> None:
        """Add a segment, or replace what was known of it."""
        row = (
            *(one.id, one.stream, one.path, one.codec, micros(one.start)),
            None if one.end is None else micros(one.end),
            *(one.pts, one.end_pts, one.bytes),
        )
        with self._db:
            self._db.execute("REPLACE INTO segments VALUES (?,?,?,?,?,?,?,?,?)", row)

    def mark(self, span: Span) -> None:
        """Add an event, or say how far it has come."""
        row = (span.stream, micros(span.start), micros(span.end), span.pts, span.end_pts)
        with self._db:
            self._db.execute("REPLACE INTO events VALUES (?,?,?,?,?)", row)

    def remove(self, one: Entry) -> None:
        """Forget a segment, and the events that were over before anything that is left began."""
        with self._db:
            self._db.execute("DELETE FROM segments WHERE id = ?", (one.id,))
            self._db.execute(
                "DELETE FROM events WHERE stream = ?1 AND end < "
                "coalesce((SELECT min(start) FROM segments WHERE stream = ?1), 9e18)",
                (one.stream,),
            )

    def forget(self, segment: str) -> None:
        """Forget a segment of which there is nothing, by its id."""
        with self._db:
            self._db.execute("DELETE FROM segments WHERE id = ?", (segment,))

    def all(self) -> Sequence[Entry]:
        """Every segment, the oldest first."""
        return [_entry(row) for row in self._db.execute("SELECT * FROM segments ORDER BY start")]

    def close(self) -> None:
        """Let go of it."""
        self._db.close()


def find(folder: Path, segment: str) -> Entry | None:
    """A segment by its id, from any thread. Raises sqlite3.Error."""
    with _reading(folder) as db:
        row = db.execute("SELECT * FROM segments WHERE id = ?", (segment,)).fetchone()
    return None if row is None else _entry(row)


def search(
    folder: Path,
    streams: Sequence[str],
    after: datetime | None,
    before: datetime | None,
    most: int = MOST,
) -> list[tuple[Entry, list[Span]]]:
    """Segments of these streams, the newest of them, with their events, the oldest first.

    after, before  those that are over before `after`, or begin after `before`, are left out
    raises         sqlite3.Error
    """
    low = -(2**62) if after is None else micros(after)
    high = 2**62 if before is None else micros(before)
    marks = ",".join("?" * len(streams))
    with _reading(folder) as db:
        rows = db.execute(
            f"SELECT * FROM segments WHERE stream IN ({marks}) AND start < ? "  # noqa: S608 - only question marks
            "AND coalesce(end, ?) > ? ORDER BY start DESC LIMIT ?",
            (*streams, high, 2**62, low, most),
        ).fetchall()
        found = [_entry(row) for row in reversed(rows)]
        return [(one, _events(db, one)) for one in found]


def _events(db: sqlite3.Connection, one: Entry) -> list[Span]:
    end = 2**62 if one.end is None else micros(one.end)
    rows = db.execute(
        "SELECT * FROM events WHERE stream = ? AND start < ? AND end >= ? ORDER BY start",
        (one.stream, end, micros(one.start)),
    )
    return [Span(r[0], moment_of(r[1]), moment_of(r[2]), r[3], r[4]) for r in rows]


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # A power failure may cost the last entries, which are made anew from the files.
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(SCHEMA)
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection]:
    address = f"{(folder / NAME).resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=1)) as db:
        yield db


def _entry(row: Sequence[object]) -> Entry:
    name, stream, path, codec, start, end, pts, end_pts, size = row
    assert isinstance(start, int)
    assert isinstance(pts, float)
    assert isinstance(size, int)
    return Entry(
        *(str(name), str(stream), str(path), str(codec), moment_of(start)),
        moment_of(end) if isinstance(end, int) else None,
        pts,
        end_pts if isinstance(end_pts, float) else None,
        size,
    )
