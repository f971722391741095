"""When a file is laid aside, and how many stay."""

from pathlib import Path

import pytest

from sinks.rotation import Rotation, RotationOptions, aside

DAY = 86400.0


@pytest.mark.parametrize(
    ("rotation", "size", "written", "now", "due"),
    [
        (Rotation(), 1 << 40, 0, 10 * DAY, False),
        (Rotation(limit=100), 99, 0, 0, False),
        (Rotation(limit=100), 100, 0, 0, True),
        (Rotation(period=DAY), 1, DAY - 1, DAY, True),
        (Rotation(period=DAY), 1, DAY, 2 * DAY - 1, False),
        (Rotation(period=DAY), 0, DAY - 1, DAY, False),
        (Rotation(period=DAY), 1, DAY, DAY - 1, True),  # the clock was put back
    ],
)
def test_a_file_is_due(
    rotation: Rotation, size: int, written: float, now: float, due: bool
) -> None:
    assert rotation.due(size, written, now) is due


def test_it_gets_the_moment_into_its_name(tmp_path: Path) -> None:
    path, rotation = tmp_path / "r.jsonl", Rotation()
    first = rotation.name(path, 1_750_000_000.25)
    assert first.name == "r-20250615T150640.250000Z.jsonl"
    first.touch()
    second = rotation.name(path, 1_750_000_000.25)
    assert second.name == "r-20250615T150640.250001Z.jsonl"
    second.touch()
    (tmp_path / "r-notes.jsonl").touch()
    (tmp_path / "other-20250615T150640.250000Z.jsonl").touch()
    assert aside(path) == [first, second]


def test_the_oldest_go(tmp_path: Path) -> None:
    path, rotation = tmp_path / "[r].jsonl", Rotation(keep=2)
    for second in range(5):
        rotation.name(path, second).touch()
    path.touch()
    assert rotation.prune(path) == 3
    assert [int(file.stem[-10:-8]) for file in aside(path)] == [3, 4]
    assert path.exists()
    assert Rotation().prune(path) == 0


def test_megabytes_are_millions() -> None:
    assert Rotation.of(RotationOptions(rotate_mb=1.5, rotate_s=60, keep=3)) == Rotation(
        1_500_000, 60, 3
    )
