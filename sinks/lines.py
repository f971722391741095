"""Files of lines that are whole, whatever happens to the disk or to us while one is written."""

import contextlib
import os
from pathlib import Path
from typing import BinaryIO


def opened(path: Path) -> BinaryIO:
    """The file, unbuffered, at its end; what a killed process left half is closed by a line end.

    Its folder is made. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("ab+", buffering=0)
    if file.seek(0, os.SEEK_END):
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")
    return file


def written(file: BinaryIO, lines: bytes | bytearray) -> None:
    """All lines or none: what a full disk took of them is taken back. Raises OSError."""
    end = os.fstat(file.fileno()).st_size
    left = memoryview(lines)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError:
        with contextlib.suppress(OSError):  # not a regular file, then
            file.truncate(end)
        raise
