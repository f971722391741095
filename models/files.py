"""Files that are there whole or not at all, what is there in place of one, which are pictures."""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
"""The suffixes, in small letters, of files that are taken for pictures."""


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Give a path beside `target` to write to; when the block ends well, that takes its place.

    What was at `target` stays as it was if the block raises, or the machine stops.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def alone_with(target: Path) -> Iterator[None]:
    """Wait until nobody else, in any process, is in here with a file of the same folder.

    For what reads a file, and then puts another in its place. It is the folder that is locked, so
    that no file is left behind. Raises OSError if there is no such folder.
    """
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def instead_of_a_file(path: Path) -> str:
    """What stands where a file is wanted, for people."""
    return "a directory" if path.is_dir() else "nothing there"
