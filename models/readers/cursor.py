"""Takes numbers one after the other out of a piece of a file, and never past its end."""

import struct
from typing import NoReturn

from models.readers.stored import Checks


class Cursor:
    """A place in `data`, which is named `where` in errors."""

    def __init__(self, data: bytes, where: str, checks: Checks) -> None:
        self.data = data
        self.at = 0
        self._where = where
        self._checks = checks

    def numbers(self, form: str) -> tuple[int, ...]:
        """Little-endian whole numbers, by the letters of `struct`."""
        form = f"<{form}"
        return struct.unpack(form, self.bytes(struct.calcsize(form)))

    def number(self, form: str) -> int:
        """One of them."""
        return self.numbers(form)[0]

    def bytes(self, length: int) -> bytes:
        """So many bytes as they are."""
        if length > len(self.data) - self.at:
            self.fail(f"{length} bytes at {self.at}", f"{len(self.data) - self.at}")
        self.at += length
        return self.data[self.at - length : self.at]

    def align(self, to: int) -> None:
        """Go on to the next multiple, which may be the end."""
        self.at = min(self.at + -self.at % to, len(self.data))

    def fail(self, wanted: str, got: object) -> NoReturn:
        """Say what is wrong with this piece."""
        self._checks.fail(self._where, wanted, got)
