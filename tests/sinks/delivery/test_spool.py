"""The queue on disk."""

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sinks.delivery import Policy, Record, Spool, SpoolFull
from sinks.delivery.spool import EACH, LAYOUT
from sinks.errors import BadSink, SinkLost
from tests.sinks.delivery.peer import numbers, records

SIZE = len("a:0:detect:run") + len("framewire:a:detect") + 10 + EACH
"""Bytes that a record of `records` counts, while its number has one digit."""


def spool_in(folder: Path, limit: int = 1 << 20, policy: Policy = "drop_oldest") -> Spool:
    spool = Spool(folder / "spool.sqlite", limit, policy=policy)
    spool.open()
    return spool


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of ours grows, and none is written beyond its first kilobyte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 10, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_oldest_come_first_and_stay_until_they_are_done(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.append(records(0, 3))
    spool.append(records(3, 5))
    assert spool.peek(2) == spool.peek(2) == records(0, 2)
    spool.done(2)
    assert numbers(spool.peek(9)) == [2, 3, 4]
    assert (spool.count, spool.size) == (3, 3 * SIZE)
    spool.close()


def test_what_was_appended_outlives_the_process_that_did(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from tests.sinks.delivery.test_spool import spool_in
from tests.sinks.delivery.peer import records
spool = spool_in(Path(sys.argv[1]))
spool.append(records(0, 50))
spool.peek(10)
spool.done(10)
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program, tmp_path], check=False)
    assert killed.returncode == -9
    spool = spool_in(tmp_path)
    assert numbers(spool.peek(99)) == list(range(10, 50))
    spool.close()


def test_a_full_spool_lets_the_oldest_go_and_counts_them(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, limit=3 * SIZE)
    spool.append(records(0, 5))
    spool.append(records(5, 6))
    assert numbers(spool.peek(9)) == [3, 4, 5]
    assert (spool.count, spool.size, spool.dropped) == (3, 3 * SIZE, 3)
    spool.close()


def test_a_full_spool_takes_no_more_where_it_is_to_block(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, limit=3 * SIZE, policy="block")
    spool.append(records(0, 2))
    with pytest.raises(SpoolFull, match=r"wanted room for \d+ bytes"):
        spool.append(records(2, 4))
    spool.append(records(2, 3))
    assert numbers(spool.peek(9)) == [0, 1, 2]
    spool.close()


def test_an_empty_spool_takes_what_would_else_wait_for_ever(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, limit=SIZE, policy="block")
    spool.append(records(0, 3))
    assert spool.count == 3
    spool.close()


def test_those_that_gave_way_are_not_taken_for_those_that_came_behind(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, limit=3 * SIZE)
    spool.append(records(0, 3))
    assert numbers(spool.peek(2)) == [0, 1]
    spool.append(records(3, 6))  # 0, 1 and 2 give way while 0 and 1 are carried
    spool.done(2)
    assert numbers(spool.peek(9)) == [3, 4, 5]
    spool.close()


def test_what_a_full_disk_does_not_let_go_is_not_given_again(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.append(records(0, 6))
    with full_disk():
        for first in (0, 2):
            assert numbers(spool.peek(2)) == [first, first + 1]
            with pytest.raises(SinkLost, match="fails: "):
                spool.done(2)
        assert (spool.count, spool.size) == (2, 2 * SIZE)
    spool.append(records(6, 7))
    assert numbers(spool.peek(9)) == [4, 5, 6]
    spool.done(1)
    spool.close()
    again = spool_in(tmp_path)
    assert numbers(again.peek(9)) == [5, 6]
    again.close()


def test_at_the_end_what_was_carried_is_removed(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.append(records(0, 6))
    spool.peek(2)
    with full_disk(), pytest.raises(SinkLost):
        spool.done(2)
    spool.close()
    again = spool_in(tmp_path)
    assert numbers(again.peek(9)) == [2, 3, 4, 5]
    again.close()


def test_large_records_are_given_a_few_at_a_time(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.append(records(0, 9, size=1000))
    assert numbers(spool.peek(9, most_bytes=3300)) == [0, 1, 2]
    assert numbers(spool.peek(9, most_bytes=10)) == [0]
    spool.close()


def test_two_do_not_share_a_spool(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    with pytest.raises(BadSink, match="no other process has open, got: 'database is locked'"):
        spool_in(tmp_path)
    spool.close()


def test_a_file_that_is_no_spool_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "spool.sqlite"
    file.write_bytes(b"a letter to somebody\n" * 100)
    with pytest.raises(BadSink, match=r"spool\.sqlite: wanted a spool .*not a database"):
        spool_in(tmp_path)
    assert file.read_bytes() == b"a letter to somebody\n" * 100


def test_a_spool_of_a_later_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "spool.sqlite") as file:
        file.execute("CREATE TABLE letters (text)")
        file.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    file.close()
    with pytest.raises(BadSink, match=f"wanted layout {LAYOUT}, got {LAYOUT + 1}"):
        spool_in(tmp_path)
    with sqlite3.connect(tmp_path / "spool.sqlite") as file:
        assert file.execute("SELECT name FROM sqlite_master").fetchall() == [("letters",)]
    file.close()


def test_a_damaged_spool_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.append(records(0, 500))
    spool.close()
    file = tmp_path / "spool.sqlite"
    whole = file.read_bytes()
    damaged = whole[:12_000] + bytes(4096) + whole[12_000 + 4096 :]
    file.write_bytes(damaged)
    with pytest.raises(BadSink, match=r"spool\.sqlite: .* damaged one, to be moved away"):
        spool_in(tmp_path)
    assert file.read_bytes() == damaged


def test_a_record_that_cannot_have_been_appended_is_a_damage(tmp_path: Path) -> None:
    spool_in(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "spool.sqlite")) as file, file:
        file.execute("INSERT INTO records (size, id, key, data) VALUES (9, 'a', 'b', 'no blob')")
    with pytest.raises(BadSink, match="1 of 1 records unreadable"):
        spool_in(tmp_path)


def test_an_id_of_which_a_bit_has_turned_holds_up_nobody(tmp_path: Path) -> None:
    spool_in(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "spool.sqlite")) as file, file:
        file.execute("INSERT INTO records (size, id, key, data) "
                     "VALUES (9, CAST(x'61FF' AS TEXT), 'b', x'00')")  # fmt: skip
    spool = spool_in(tmp_path)
    assert spool.peek(9) == [Record("a\ufffd", "b", b"\0")]
    spool.done(1)
    assert spool.count == 0
    spool.close()


def test_a_closed_spool_takes_nothing(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.close()
    with pytest.raises(SinkLost, match="wanted an open one"):
        spool.append(records(0, 1))


@pytest.mark.parametrize("fsync", ["always", "second", "never"])
def test_each_way_to_sync_keeps_what_was_appended(tmp_path: Path, fsync: str) -> None:
    spool = Spool(tmp_path / "s", 1 << 20, fsync=fsync)  # type: ignore[arg-type]
    spool.open()
    spool.append(records(0, 2))
    spool.sync()
    assert spool.count == 2
    spool.close()


class Queue(RuleBasedStateMachine):
    """A spool beside a list that does the same, closed and opened again in between."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(self.temporary())
        self.spool = spool_in(self.folder, limit=20 * SIZE)
        self.kept: list[Record] = []
        self.given: list[Record] = []
        self.next = 0

    def temporary(self) -> str:
        import tempfile

        return tempfile.mkdtemp(prefix="framewire-spool-")

    @rule(count=st.integers(0, 8))
    def append(self, count: int) -> None:
        more = [Record(f"{n:014}", "framewire:a:detect", b"x" * 10)
                for n in range(self.next, self.next + count)]  # fmt: skip
        self.next += count
        self.spool.append(more)
        self.kept = (self.kept + more)[-20:]

    @rule(most=st.integers(1, 10))
    def peek(self, most: int) -> None:
        self.given = self.spool.peek(most)
        assert self.given == self.kept[:most]

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(0, len(self.given)))
        self.spool.done(count)
        gone, self.given = self.given[:count], self.given[count:]
        self.kept = [record for record in self.kept if record not in gone]

    @rule()
    def begin_anew(self) -> None:
        self.spool.close()
        self.spool = spool_in(self.folder, limit=20 * SIZE)
        self.given = []

    @invariant()
    def counts(self) -> None:
        assert self.spool.count == len(self.kept)
        assert self.spool.size == len(self.kept) * SIZE

    def teardown(self) -> None:
        import shutil

        self.spool.close()
        shutil.rmtree(self.folder)


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
