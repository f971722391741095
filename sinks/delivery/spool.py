"""A bounded queue of records on disk, for the time in which their peer is away.

A SQLite file in WAL mode: a process that is killed at any moment leaves every record that was
appended, and none twice. What a machine that loses its power leaves is said by `fsync`.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

from sinks.delivery.record import Record
from sinks.errors import BadSink, SinkError, SinkLost

Policy = Literal["drop_oldest", "block"]
Fsync = Literal["always", "second", "never"]

LAYOUT: Final = 1
EACH: Final = 64  # bytes that SQLite and its tree need beside a record's own, about
LOG: Final = 4 << 20  # bytes to which the write-ahead log is cut back
SYNC_S: Final = 1.0

MADE = """
CREATE TABLE IF NOT EXISTS records (
    n INTEGER PRIMARY KEY AUTOINCREMENT, size INTEGER NOT NULL,
    id TEXT NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL)
"""
COUNTED = """
SELECT COUNT(*), COALESCE(SUM(size), 0), COALESCE(SUM(typeof(size) = 'integer' AND size > 0
    AND typeof(id) = 'text' AND typeof(key) = 'text' AND typeof(data) = 'blob'), 0) FROM records
"""  # how many, their bytes, and how many can be what was appended


class SpoolFull(SinkError):
    """There is no room, and the policy is to wait for it."""


class Spool:
    """Records in the order in which they were appended, until they are done.

    limit    bytes of records it holds at most
    policy   when full: "drop_oldest" makes room and counts, "block" refuses until there is room
    fsync    what a loss of power may cost. "always": nothing that was appended; "second": what
             was appended in the last second, if `sync`, `append` or `done` is called as often;
             "never": whatever the system had not written yet. A process that is killed loses
             nothing with any of them.
    count    records it holds
    size     their bytes
    dropped  records that gave way, since it was opened

    Its methods wait for the disk, so they belong into a thread; they may be called from any.
    """

    def __init__(
        self, path: Path, limit: int, *, policy: Policy = "drop_oldest", fsync: Fsync = "second"
    ) -> None:
        """The file is not touched yet."""
        self.path = path
        self.count = self.size = self.dropped = 0
        self._limit = limit
        self._policy = policy
        self._fsync = fsync
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None
        self._peeked: list[tuple[int, int]] = []  # their places and sizes
        self._carried = self._removed = 0  # places up to which none is held, and none is on disk
        self._unsynced = False
        self._synced = 0.0

    def open(self) -> None:
        """Open the file, or make it; what an earlier run left is in it.

        raises  BadSink if it cannot be, if another process has it, or if it is no spool or a
                damaged one: it is left as it is, for what is in it was promised to somebody
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = sqlite3.connect(self.path, 0.0, isolation_level=None, check_same_thread=False)
            file.text_factory = _text
        except (OSError, sqlite3.Error) as error:
            raise BadSink(f"spool {self.path}: wanted a file to write, got: {error}") from error
        try:
            self._prepare(file)
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter of its own message
            file.close()
            raise BadSink(
                f"spool {self.path}: wanted a spool that no other process has open, "
                f"got: {str(error)!a}"  # a damaged file's own words may be in it
            ) from error
        except BaseException:
            file.close()
            raise
        self._file = file

    def append(self, records: Sequence[Record]) -> None:
        """Add records behind all others; they are kept when this returns.

        An empty spool takes them whatever their size, else they would wait for ever.

        raises  SpoolFull if there is no room and the policy is to block: none was added;
                SinkLost if the disk does not take them: none was added, or what `fsync` promises
                does not hold for them
        """
        rows = [(len(r.id) + len(r.key) + len(r.data) + EACH, r.id, r.key, r.data) for r in records]
        more = sum(size for size, *_ in rows)
        with self._lock, self._writing() as file:
            if self._policy == "block" and self.count and self.size + more > self._limit:
                raise SpoolFull(f"spool {self.path}: wanted room for {more} bytes, got none")
            self._remove(file)
            file.executemany("INSERT INTO records (size, id, key, data) VALUES (?, ?, ?, ?)", rows)
            count, size = self.count + len(rows), self.size + more
            last = gone = 0
            if self._policy == "drop_oldest" and size > self._limit:
                last, gone, freed = _make_room(file, size - self._limit)
                count, size = count - gone, size - freed
            file.execute("COMMIT")
            self.count, self.size = count, size
            # What gave way is not held either, though it may be on its way to the peer.
            self._carried = self._removed = max(self._carried, last)
            self.dropped += gone
            self._unsynced = True
        self._sync_if_due()

    def peek(self, most: int, most_bytes: int = 4 << 20) -> list[Record]:
        """The oldest records: at most `most`, and no more than one passes `most_bytes`.

        raises  SinkLost if the disk does not give them
        """
        found: list[Record] = []
        places: list[tuple[int, int]] = []
        total = 0
        with self._lock, self._reading() as file:
            asked = "SELECT n, size, id, key, data FROM records WHERE n > ? ORDER BY n LIMIT ?"
            for n, size, name, key, data in file.execute(asked, (self._carried, most)):
                if found and total + size > most_bytes:
                    break
                total += size
                places.append((n, size))
                found.append(Record(name, key, data))
            self._peeked = places
        return found

    def done(self, count: int) -> None:
        """Forget the first `count` of those that `peek` gave last; some may have given way since.

        raises  SinkLost if the disk does not let them go: they are not given again all the same,
                or a full disk would bring them to the peer again and again. They are removed
                with the next that are done or appended, or at the end
        """
        with self._lock:
            done = [one for one in self._peeked[:count] if one[0] > self._carried]
            self._peeked = self._peeked[count:]
            if not done:
                return
            self._carried = done[-1][0]
            self.count -= len(done)
            self.size -= sum(size for _, size in done)
            self._settle()
        self._sync_if_due()

    def sync(self) -> None:
        """With `fsync: second`, bring what was appended to the disk. Raises SinkLost."""
        with self._lock:
            if not self._unsynced or self._fsync != "second" or self._file is None:
                return
            try:
                # Of the log alone: closing a file that SQLite has locked would unlock it.
                log = os.open(f"{self.path}-wal", os.O_RDONLY)
                try:
                    os.fsync(log)
                finally:
                    os.close(log)
            except OSError as error:
                raise self._lost(error) from error
            self._synced = time.monotonic()
            self._unsynced = False

    def close(self) -> None:
        """Let go of the file. What is in it stays."""
        with self._lock:
            if self._file is not None and self._removed < self._carried:
                with suppress(SinkLost):  # else the next run brings them once more
                    self._settle()
            file, self._file = self._file, None
            if file is not None:
                file.close()

    def _settle(self) -> None:
        with self._writing() as file:
            self._remove(file)
            file.execute("COMMIT")
            self._removed = self._carried

    def _remove(self, file: sqlite3.Connection) -> None:
        """Take what was carried off the disk, if the transaction holds."""
        if self._removed < self._carried:
            file.execute("DELETE FROM records WHERE n <= ?", (self._carried,))

    def _sync_if_due(self) -> None:
        if time.monotonic() - self._synced >= SYNC_S:
            self.sync()

    def _prepare(self, file: sqlite3.Connection) -> None:
        # NORMAL syncs the log only when it is moved into the file: never a broken file.
        always = self._fsync == "always"
        file.execute("PRAGMA locking_mode = EXCLUSIVE")
        file.execute("PRAGMA journal_mode = WAL")
        file.execute(f"PRAGMA synchronous = {'FULL' if always else 'NORMAL'}")
        file.execute(f"PRAGMA journal_size_limit = {LOG}")
        file.execute("BEGIN IMMEDIATE")
        (layout,) = file.execute("PRAGMA user_version").fetchone()
        if layout not in {0, LAYOUT}:
            raise BadSink(f"spool {self.path}: wanted layout {LAYOUT}, got {layout}")
        file.execute(MADE)
        (found,) = file.execute("PRAGMA quick_check(1)").fetchone()
        if found == "ok":
            self.count, self.size, sound = file.execute(COUNTED).fetchone()
            if sound != self.count:
                found = f"{self.count - sound} of {self.count} records unreadable"
        if found != "ok":
            raise BadSink(
                f"spool {self.path}: wanted a whole one, got a damaged one, to be moved away to "
                f"begin anew: {found!a}"
            )
        file.execute(f"PRAGMA user_version = {LAYOUT}")
        file.execute("COMMIT")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if self._file is None:
            raise SinkLost(f"spool {self.path}: wanted an open one, got one that is closed")
        try:
            yield self._file
        except sqlite3.Error as error:
            raise self._lost(error) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, which the body commits; one that fails leaves all as it was."""
        with self._reading() as file:
            file.execute("BEGIN IMMEDIATE")
            try:
                yield file
            finally:
                if file.in_transaction:
                    file.execute("ROLLBACK")

    def _lost(self, error: Exception) -> SinkLost:
        return SinkLost(f"spool {self.path} fails: {error}")


def _text(raw: bytes) -> str:
    """A text, also where a bit of it has turned: one such record must not hold up all others."""
    return raw.decode(errors="replace")


def _make_room(file: sqlite3.Connection, wanted: int) -> tuple[int, int, int]:
    """Drop the oldest records until `wanted` bytes are free: the last, how many, their bytes."""
    gone = freed = last = 0
    for n, size in file.execute("SELECT n, size FROM records ORDER BY n"):
        if freed >= wanted:
            break
        last, gone, freed = n, gone + 1, freed + size
    file.execute("DELETE FROM records WHERE n <= ?", (last,))
    return last, gone, freed
