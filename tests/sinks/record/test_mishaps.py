"""What is left of a recording when its process is killed, and when its disk is full."""

import shutil
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from av.error import FFmpegError

from sinks.record.archive import Archive
from sinks.record.index import find, search
from sinks.record.mend import whole
from sinks.record.options import RecordOptions
from sinks.record.track import Track
from tests.factory import BEGAN, FPS
from tests.sinks.record.clips import Recording, clip, count_pictures, later

ROOT = Path(__file__).parents[3]


def child(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.sinks.record.child", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("moment", [40, 103, 131, 177])
async def test_a_process_that_is_killed_loses_less_than_a_second(
    tmp_path: Path, moment: int
) -> None:
    with child("live", str(tmp_path)) as process:
        assert process.stdout is not None
        given = next(int(line) for line in process.stdout if int(line) >= moment)
        process.kill()
    playable = left(tmp_path)  # as the killed process has left them
    kept = sum(playable.values())
    assert given - kept <= FPS
    async with Recording(tmp_path) as again:
        again.push(later(clip(50), 1000))
    found = [one for one, _ in search(again.folder, ["a"], None, None)]
    assert [one.pts for one in found] == [*(4.0 * n for n in range(len(playable))), 1000.0]
    assert all(one.end is not None for one in found)
    assert found[-2].end_pts == pytest.approx(kept / FPS)
    for path, pictures in playable.items():
        assert whole(path) == path.stat().st_size
        assert count_pictures(path) == pictures


def left(folder: Path) -> dict[Path, int]:
    """The files that can be played, and how many pictures each has."""
    found = {}
    for path in sorted(folder.glob("recordings/a/*/*.mp4")):
        with suppress(FFmpegError):  # not even its head was written
            found[path] = count_pictures(path)
    return found


def test_a_full_disk_stops_recording_and_room_lets_it_go_on(tmp_path: Path) -> None:
    with child("full", str(tmp_path), "500000") as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    stopped, resumed = (line for line in out.splitlines() if line.startswith("recording."))
    assert stopped.startswith("recording.stopped {'why': 'File too large'}")
    assert resumed.startswith("recording.resumed {'after': 'File too large'}")
    first, *others = sorted(tmp_path.glob("recordings/a/*/*.mp4"))
    assert first.stat().st_size <= 500_000
    assert count_pictures(first) > FPS
    assert others
    assert all(count_pictures(path) > 0 for path in others)
    found = search(tmp_path / "recordings", ["a"], None, None)
    assert {one.end is not None for one, _ in found} == {True}


def test_what_was_ended_before_the_disk_was_full_stays_as_it_is(tmp_path: Path) -> None:
    archive = Archive("record", tmp_path, RecordOptions())
    archive.open()
    track = Track("a", RecordOptions(segment_s=2), archive)
    for packet in clip(120, 25):
        track.packet(packet, now=0.0)
    track.drop("the disk is full")
    archive.close()
    found = [one for one, _ in search(tmp_path, ["a"], None, None)]
    assert [one.pts for one in found] == [0.0, 2.0, 4.0]
    assert [count_pictures(tmp_path / one.path) for one in found] == [50, 50, 20]
    assert all(one.end is not None for one in found)


async def test_the_disk_of_others_is_not_filled(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    async with Recording(tmp_path, least_free_mb=free / 1e6 + 100_000) as recording:
        recording.push(clip(100))
    assert recording.files() == []
    (event,) = recording.events
    assert event.name == "recording.stopped"
    assert str(event.detail["why"]).startswith("the disk has ")


@pytest.mark.parametrize("left", [0, 20, 500])
async def test_a_file_with_nothing_whole_in_it_is_removed(tmp_path: Path, left: int) -> None:
    async with Recording(tmp_path) as recording:
        recording.push(clip(100))
    (path,) = recording.files()
    with path.open("r+b") as file:
        file.truncate(left)
    for index in recording.folder.glob("index.*"):
        index.unlink()
    async with Recording(tmp_path):
        pass
    assert recording.files() == []
    assert recording.files(".times") == []


async def test_a_file_that_was_torn_is_cut_to_what_is_whole(tmp_path: Path) -> None:
    async with Recording(tmp_path) as recording:
        recording.push(clip(100))
    (path,) = recording.files()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size * 2 // 3)
    for index in recording.folder.glob("index.*"):
        index.unlink()
    async with Recording(tmp_path):
        pass
    assert size / 3 < path.stat().st_size < size * 2 // 3
    pictures = count_pictures(path)
    assert 50 <= pictures < 70
    entry = find(recording.folder, path.stem)
    assert entry is not None
    assert entry.end == BEGAN + timedelta(seconds=pictures / FPS)


async def kept(folder: Path, **told: object) -> list[float]:
    """Record ten files of two seconds, tidy up, and say which are left, by their beginning."""
    async with Recording(folder, segment_s=2) as recording:
        recording.push(clip(500, 25, noise=100))
    archive = Archive("record", recording.folder, RecordOptions.model_validate(told))
    archive.open()
    archive.tidy(BEGAN + timedelta(days=1, seconds=7))
    archive.close()
    left = [one.pts for one, _ in search(recording.folder, ["a"], None, None)]
    assert len(recording.files()) == len(recording.files(".times")) == len(left)
    return left


async def test_what_is_too_old_goes(tmp_path: Path) -> None:
    assert await kept(tmp_path, keep_days=1) == [6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0]


async def test_the_oldest_give_way_to_the_newer(tmp_path: Path) -> None:
    left = await kept(tmp_path, keep_gb=0.0012)
    assert 1 < len(left) < 10
    assert left == [2.0 * n for n in range(10)][-len(left) :]


async def test_all_is_kept_where_nothing_is_said(tmp_path: Path) -> None:
    assert len(await kept(tmp_path)) == 10
