"""Bytes that were unpacked from a file: in memory while they are few, else on the disk."""

import tempfile
import weakref

FEW = 1 << 24


class Scratch:
    """Written once from the start, then read anywhere; gone with the last who holds it.

    size  bytes so far
    """

    def __init__(self) -> None:
        self.size = 0
        # Its file has no name, so that nothing is left behind.
        self._file = tempfile.SpooledTemporaryFile(FEW)  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    def write(self, data: bytes) -> None:
        """Append."""
        self._file.write(data)
        self.size += len(data)

    def read(self, start: int, length: int) -> memoryview:
        """As many bytes from `start` as there are, at most `length`."""
        self._file.seek(start)
        return memoryview(self._file.read(length))
