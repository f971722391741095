"""A file that only grows, by whole pieces."""

import contextlib
import os
from pathlib import Path


class Appending:
    """Collects bytes, and adds them to a file when told to: all of them, or none.

    bytes  in the file
    """

    def __init__(self, path: Path, *, end: bytes = b"") -> None:
        """Open the file at its end, or make it.

        end     what a piece ends with: what a killed process has left after the last is cut off
        raises  OSError
        """
        self._file = path.open("ab", buffering=0)
        self._waiting = bytearray()
        self.bytes = os.fstat(self._file.fileno()).st_size
        if end and self.bytes:
            whole = path.read_bytes().rfind(end) + len(end)
            self._file.truncate(whole)
            self.bytes = whole

    def add(self, data: bytes) -> None:
        """Put a piece where the next `flush` finds it."""
        self._waiting += data

    def flush(self) -> None:
        """Write what waits. Raises OSError; then it is gone, and the file is as it was."""
        if not self._waiting:
            return
        left, self._waiting = memoryview(self._waiting), bytearray()
        size = len(left)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            with contextlib.suppress(OSError):  # not a regular file, then
                self._file.truncate(self.bytes)
            raise
        self.bytes += size

    def sync(self) -> None:
        """Have the system put it on the disk. Raises OSError."""
        os.fdatasync(self._file.fileno())

    def close(self) -> None:
        """Let go of it, without what was not flushed."""
        self._file.close()
