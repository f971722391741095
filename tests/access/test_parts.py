"""Signatures, buckets, and the audit log, each by itself."""

import time
from pathlib import Path

import msgspec
import pytest
import structlog
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from pipeline.access.audit import LINES_MAX, Audit
from pipeline.access.buckets import Buckets, caller
from pipeline.access.grants import BadGrant, Grant, Seal
from pipeline.access.people import NOBODYS, People, hash_password
from pipeline.config import AccessConfig
from sinks.viewers import EVERYBODY, NOBODY, Viewer
from tests.access.house import ACCESS, SECRET


class Clock:
    """Stands until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_grant_is_what_was_signed_until_it_ends() -> None:
    clock = Clock()
    seal = Seal(SECRET, clock)
    grant = Grant("link", "guest", 1060, "1", ("a", "b"))
    text = seal.sign(grant)
    assert seal.read(text) == grant
    clock.now = 1060
    with pytest.raises(BadGrant, match="over"):
        seal.read(text)


@pytest.mark.parametrize("place", range(0, 120, 7))
def test_no_sign_of_a_grant_can_be_changed(place: int) -> None:
    seal = Seal(SECRET)
    text = seal.sign(Grant("link", "guest", time.time() + 60, "1", ("lobby",)))
    changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
    with pytest.raises(BadGrant):
        seal.read(changed)


@pytest.mark.parametrize("text", ["", ".", "a.b", "ü.ü", "x" * 5000, "e30." + "A" * 43])
def test_what_is_no_grant_is_refused(text: str) -> None:
    with pytest.raises(BadGrant):
        Seal(SECRET).read(text)


def test_what_is_signed_and_no_grant_is_refused() -> None:
    seal = Seal(SECRET)
    with pytest.raises(BadGrant, match="another version"):
        seal.read(f"e30.{seal._signature('e30')}")


def test_a_bucket_is_emptied_and_fills_again() -> None:
    clock = Clock()
    buckets = Buckets(rate=2, burst=3, clock=clock)
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0.5, 0.5]
    assert buckets.take("b") == 0
    clock.now += 0.5
    assert [buckets.take("a") for _ in range(2)] == [0, 0.5]
    clock.now += 1000
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_ever_new_callers_do_not_fill_the_memory() -> None:
    buckets = Buckets(rate=1, burst=1, callers_max=100)
    for number in range(1000):
        buckets.take(str(number))
    assert len(buckets) == 100


@pytest.mark.parametrize(
    ("address", "known_as"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("unknown", "unknown"),
    ],
)
def test_a_network_of_ipv6_is_one_caller(address: str, known_as: str) -> None:
    assert caller(address) == known_as


async def test_a_password_is_hashed_so_that_it_can_be_told_again() -> None:
    hashed = hash_password("correct horse")
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    access = AccessConfig.model_validate({"users": {"anna": {"password": hashed}}})
    people = People(access, Seal(SECRET))
    assert await people.by_password("anna", "correct horse") == Viewer("anna", "viewer")
    assert await people.by_password("anna", "correct horsf") is None
    assert await people.by_password("nobody", "correct horse") is None


def test_a_name_that_nobody_has_takes_as_long_to_refuse() -> None:
    assert extract_parameters(NOBODYS) == extract_parameters(hash_password("correct horse"))
    with pytest.raises(VerifyMismatchError):  # after hashing, and not because it is no hash
        PasswordHasher().verify(NOBODYS, "correct horse")


async def test_a_flood_of_refusals_does_not_fill_the_disk(tmp_path: Path) -> None:
    clock = Clock()
    audit = Audit(tmp_path / "audit", clock)
    await audit.open()
    for _ in range(5000):
        audit.note("refused", NOBODY, "10.0.0.1", {})
    clock.now += 60
    audit.note("refused", NOBODY, "10.0.0.1", {})
    audit.note("login", EVERYBODY, "10.0.0.1", {})
    await audit.close()
    lines = [msgspec.json.decode(line) for line in (tmp_path / "audit").read_bytes().splitlines()]
    assert len(lines) == 102
    assert lines[-2]["unsaid"] == 4900
    assert lines[-1]["event"] == "login"


async def test_a_picture_that_is_fetched_each_second_is_told_once_a_minute(tmp_path: Path) -> None:
    clock = Clock()
    audit = Audit(tmp_path / "audit", clock)
    await audit.open()
    for _ in range(120):
        for stream in ("a", "b"):
            audit.note("look", EVERYBODY, "10.0.0.1", {"stream": stream, "how": "snapshot"})
        clock.now += 1
    await audit.close()
    assert len((tmp_path / "audit").read_bytes().splitlines()) == 4


async def test_the_log_may_be_moved_away_at_any_time(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit")
    await audit.open()
    (tmp_path / "audit").rename(tmp_path / "audit.1")
    audit.note("login", EVERYBODY, "10.0.0.1", {})
    await audit.close()
    assert (tmp_path / "audit.1").read_bytes() == b""
    assert b'"login"' in (tmp_path / "audit").read_bytes()


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
async def test_a_disk_that_takes_nothing_is_told_and_stops_nobody() -> None:
    audit = Audit(FULL)
    with structlog.testing.capture_logs() as lines:
        await audit.open()
        for _ in range(LINES_MAX + 5):
            audit.note("login", EVERYBODY, "10.0.0.1", {})
        await audit.close()
    assert audit.lost == LINES_MAX + 5
    assert {line["event"] for line in lines} == {"audit lines lost"}
    assert any("No space left" in str(line) for line in lines)


async def test_a_log_that_cannot_be_written_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"http\.audit: wanted a file to write, got .*: Is a dir"):
        await Audit(tmp_path).open()


def test_the_secrets_of_a_config_are_not_in_its_print() -> None:
    access = AccessConfig.model_validate(ACCESS)
    assert SECRET not in repr(access)
    assert "argon2id" not in repr(access)
    assert "t" * 32 not in str(access)
