"""A file is there whole or not at all."""

from pathlib import Path

import pytest

from models.files import instead_of_a_file, written_whole


def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.bin"
    with written_whole(target) as part:
        part.write_bytes(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_what_was_there_stays_if_the_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def write() -> None:
        with written_whole(target) as part:
            part.write_bytes(b"half")
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        write()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_directory_is_called_one(tmp_path: Path) -> None:
    assert instead_of_a_file(tmp_path) == "a directory"
    assert instead_of_a_file(tmp_path / "gone") == "nothing there"
