"""Recordings that prove themselves, and every way to tamper with them."""

import json
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from sinks.errors import BadSink
from sinks.record.archive import Archive
from sinks.record.evidence import Evidence
from sinks.record.options import RecordOptions
from sinks.record.track import Track
from sinks.record.verify import Broken, verify
from sinks.sink import Delivery
from sinks.wire import moment
from stages.events import Event
from tests.factory import BEGAN, detections
from tests.sinks.record.clips import Recording, clip, later, said


@dataclass(frozen=True)
class Proven:
    """A folder with four segments, what was said about three, and a gap before the last.

    Its chain: begin, the gap, the four, end.
    """

    folder: Path

    @property
    def chain(self) -> Path:
        return self.folder / "evidence.jsonl"

    @property
    def links(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.lines]

    @property
    def lines(self) -> list[bytes]:
        return self.chain.read_bytes().splitlines(keepends=True)

    def rewrite(self, lines: list[bytes]) -> None:
        self.chain.write_bytes(b"".join(lines))

    def file(self, number: int, suffix: str = ".mp4") -> Path:
        return sorted(self.folder.glob(f"*/*/*{suffix}"))[number]


@pytest.fixture
async def proven(tmp_path: Path) -> Proven:
    async with Recording(tmp_path, evidence=True, segment_s=1) as recording:
        recording.push(clip(75))
        recording.push(later(clip(25), 60))
        frames = [said(number, {"detect": detections()}) for number in range(75)]
        await recording.sink.write([Delivery(one, ("detect",)) for one in frames])
    return Proven(recording.folder)


async def test_what_was_recorded_is_good(proven: Proven) -> None:
    found = verify(proven.folder)
    assert (found.segments, found.removed, found.late, found.open) == (4, 0, [], False)
    ((stream, _, _, why),) = found.gaps
    assert (stream, why) == ("a", "no packets came")
    kinds = [link["kind"] for link in proven.links]
    assert kinds.count("segment") == 4
    assert (kinds[0], kinds[-1]) == ("begin", "end")


async def test_the_key_is_its_owner_s_alone(proven: Proven) -> None:
    key = proven.folder.parent / "evidence.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert b"PRIVATE KEY" in key.read_bytes()
    assert not list(proven.folder.rglob("*.key"))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def swap(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[3], lines[2], *lines[4:]]


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (lambda p: flip(p.file(1), 5000), "record 3: .*T120001-000000.mp4: it is not as it was"),
        (lambda p: flip(p.file(0, ".jsonl"), 60), "record 2: .*.jsonl: it is not as it was"),
        (lambda p: flip(p.file(2, ".times"), 3), "record 4: .*.times: it is not as it was"),
        (lambda p: p.file(1).unlink(), "record 3: .*: wanted the file, got nothing there"),
        (lambda p: p.file(1, ".jsonl").unlink(), "record 3: .*: wanted the file, got nothing"),
        (lambda p: p.rewrite(p.lines[:2] + p.lines[3:]), "record 2: wanted record 2, got 3"),
        (lambda p: p.rewrite(swap(p.lines)), "record 2: wanted record 2, got 3: one is missing"),
        (lambda p: p.rewrite(p.lines[1:]), "record 0: "),
        (lambda p: p.rewrite(p.lines[:-1]), "wanted the end of the run, got nothing"),
        (lambda p: p.rewrite(p.lines[:4]), "T120002-000000.jsonl: no record vouches for it"),
        (lambda p: p.rewrite([*p.lines[:-1], p.lines[-1][:40]]), "wanted a record, got b'"),
        (lambda p: p.chain.unlink(), "wanted a chain of evidence, got nothing there"),
        (lambda p: p.chain.write_bytes(b""), "wanted a chain of evidence, got an empty file"),
        (
            lambda p: p.rewrite([line.replace(b'"a"', b'"b"') for line in p.lines]),
            "record 1: its signature is not good",
        ),
        (
            lambda p: p.file(0).with_name("a-20250601T130000-000000.mp4").write_bytes(b"mine"),
            "a-20250601T130000-000000.mp4: no record vouches for it",
        ),
        (
            lambda p: p.file(0).with_suffix(".mp4").rename(p.file(0).with_suffix(".bak")),
            "record 2: .*: wanted the file, got nothing there",
        ),
    ],
)
async def test_the_first_break_is_named(
    proven: Proven, tamper: Callable[[Proven], None], told: str
) -> None:
    tamper(proven)
    with pytest.raises(Broken, match=told):
        verify(proven.folder)


async def test_a_gap_whose_record_is_gone_is_seen_in_a_chain_made_anew(
    proven: Proven, tmp_path: Path
) -> None:
    # Whoever has the key can make a chain; what is missing in it still shows.
    from sinks.record.chain import FIRST, own_key, sha256, signed

    key, prev, lines = own_key(proven.folder.parent / "evidence.key"), FIRST, list[bytes]()
    for link in (one for one in proven.links if one["kind"] != "gap"):
        del link["sig"]
        lines.append(signed({**link, "n": len(lines), "prev": prev}, key) + b"\n")
        prev = sha256(lines[-1][:-1])
    proven.rewrite(lines)
    with pytest.raises(Broken, match=r"57\.0 s of a are missing before it, and no record says why"):
        verify(proven.folder)


async def test_another_key_does_not_do(proven: Proven) -> None:
    other = "A" * 43 + "="
    with pytest.raises(Broken, match="record 0: its signature is not good"):
        verify(proven.folder, key=other)
    assert verify(proven.folder, key=verify(proven.folder).key).segments == 4


async def test_a_digest_that_was_written_down_must_be_there(proven: Proven) -> None:
    head = verify(proven.folder).head
    async with Recording(proven.folder.parent, evidence=True) as again:
        again.push(later(clip(25), 100))
        assert verify(proven.folder).open
    assert verify(proven.folder, known=head).segments == 5
    with pytest.raises(Broken, match="wanted a record with the digest"):
        verify(proven.folder, known="0" * 64)


def test_a_gap_reaches_from_the_last_packet_kept_to_the_next(tmp_path: Path) -> None:
    archive = Archive("record", tmp_path, RecordOptions(), Evidence(tmp_path, tmp_path / "key"))
    archive.open()
    track, packets = Track("a", RecordOptions(), archive), clip(100, 25)
    for packet in packets[:60]:
        track.packet(packet, now=0.0)
    track.drop("the disk is full")
    for packet in packets[60:]:
        track.packet(packet, now=0.0)
    track.close()
    archive.close()
    start, end = moment(packets[59].captured_at), moment(packets[75].captured_at)
    assert verify(tmp_path).gaps == [("a", start, end, "the disk is full")]


async def test_what_gives_way_is_told(proven: Proven) -> None:
    told = RecordOptions(keep_days=1)
    evidence = Evidence(proven.folder, proven.folder.parent / "evidence.key")
    archive = Archive("record", proven.folder, told, evidence)
    archive.open()
    archive.tidy(BEGAN + timedelta(days=1, seconds=2.5))
    archive.close()
    found = verify(proven.folder)
    assert (found.segments, found.removed) == (2, 2)


async def test_after_a_crash_the_chain_goes_on_and_says_so(proven: Proven) -> None:
    proven.rewrite([*proven.lines[:4], proven.lines[4][:100]])  # killed while it wrote
    async with Recording(proven.folder.parent, evidence=True):
        pass
    found = verify(proven.folder)
    assert found.segments == 4
    assert len(found.late) == 2
    assert ("all streams", "the process was killed") in {(one[0], one[3]) for one in found.gaps}


async def test_the_command_tells_what_is_good_and_what_is_not(proven: Proven) -> None:
    command = CliRunner()
    good = command.invoke(app, ["verify", str(proven.folder)])
    assert good.exit_code == 0
    assert "good: 4 segments as they were recorded, 0 removed in order, 1 gaps" in good.output
    proven.file(3).unlink()
    broken = command.invoke(app, ["verify", str(proven.folder)])
    assert broken.exit_code == 1
    assert "broken: record 5: " in broken.output
    assert command.invoke(app, ["verify", str(proven.folder / "none")]).exit_code == 2


async def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evidence.key").write_text("mine")
    with pytest.raises(BadSink):
        await Recording(tmp_path, evidence=True).sink.open()


CHANGED = Event(
    "setting.changed", "find",
    {"option": "score", "before": 0.5, "after": 0.25, "sink": "redis", "command": "7", "by": None},
    BEGAN,
)  # fmt: skip


async def test_a_threshold_that_was_changed_is_in_the_chain_and_shown(tmp_path: Path) -> None:
    async with Recording(tmp_path, evidence=True) as recording:
        recording.push(clip(25))
        await recording.sink.announce(CHANGED)
        await recording.sink.announce(Event("source.lost", "a", {"error": "why"}))
    told = ("find.score", moment(BEGAN), "0.5", "0.25", "command 7")
    assert verify(recording.folder).settings == [told]
    said = CliRunner().invoke(app, ["verify", str(recording.folder)])
    assert f"setting: find.score, 0.5 to 0.25 at {moment(BEGAN)}, by command 7" in said.output
    lines = (recording.folder / "evidence.jsonl").read_bytes().splitlines(keepends=True)
    forged = [line.replace(b'"after":0.25', b'"after":0.45') for line in lines]
    (recording.folder / "evidence.jsonl").write_bytes(b"".join(forged))
    with pytest.raises(Broken, match="its signature is not good"):
        verify(recording.folder)
