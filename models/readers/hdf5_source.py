"""The pieces of an HDF5 file: bounded in size and number, with the text and the trees in them.

"HDF5 File Format Specification", version 3.0, sections III.A and III.E.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from models.readers.cursor import Cursor
from models.readers.stored import LONGEST_NAME, Checks

NOWHERE = 0xFFFF_FFFF_FFFF_FFFF  # the address of what does not exist
# What is read of a file besides numbers. A network of 400 layers takes 5,000 pieces, 5 MB.
MOST_PIECES = 100_000
MOST_BYTES = 32 << 20
LARGEST_PIECE = 1 << 20  # bytes; an attribute has at most 64 KiB
DEEPEST_TREE = 16


class Source:
    """The bytes of a file, and how many pieces of it have been read."""

    def __init__(self, file: BinaryIO, checks: Checks) -> None:
        self.checks = checks
        self._file = file
        self._pieces = MOST_PIECES
        self._bytes = MOST_BYTES
        self._heaps: dict[int, dict[int, bytes]] = {}

    def piece(self, where: str, start: int, length: int) -> Cursor:
        """Some bytes, small and inside the file."""
        self.checks.count(f"{where}: bytes", length, LARGEST_PIECE)
        self.checks.inside(where, start, length)
        self._pieces -= 1
        self._bytes -= length
        if self._pieces < 0 or self._bytes < 0:
            wanted = f"at most {MOST_PIECES} parts of {MOST_BYTES} bytes besides numbers"
            self.checks.fail("file", wanted, "more, or a part in itself")
        self._file.seek(start)
        return Cursor(self._file.read(length), where, self.checks)

    def text(self, where: str, raw: bytes) -> str:
        """Text up to the first zero."""
        try:
            return raw.partition(b"\0")[0].decode()
        except UnicodeDecodeError as error:
            return self.checks.fail(where, "text in UTF-8", str(error))

    def long_text(self, where: str, length: int, address: int, index: int) -> str:
        """Text that an attribute names by its place in a collection of the global heap.

        A name, and no longer than one: any number of attributes may name the same place.
        """
        if not length:
            return ""
        self.checks.count(f"{where}: bytes of text", length, LONGEST_NAME)
        if address not in self._heaps:
            self._heaps[address] = dict(self._collection(where, address))
        if index not in self._heaps[address]:
            self.checks.fail(where, f"object {index} of a collection", "none of that number")
        return self.text(where, self._heaps[address][index][:length])

    def _collection(self, where: str, address: int) -> Iterator[tuple[int, bytes]]:
        head = self.piece(where, address, 16)
        if head.bytes(8) != b"GCOL\1\0\0\0":
            head.fail("a collection (GCOL, version 1)", head.data[:8])
        heap = self.piece(where, address, head.number("Q"))
        heap.bytes(min(16, len(heap.data)))
        while len(heap.data) - heap.at >= 16:
            index, _, size = heap.numbers("HH4xQ")
            if index == 0:  # what is left
                return
            yield index, heap.bytes(size)
            heap.align(8)


def leaves(
    source: Source, where: str, address: int, kind: int, key: str
) -> Iterator[tuple[tuple[int, ...], int]]:
    """What the leaves of a tree (version 1) point at: key and address, in their order.

    key     letters of `struct` for one
    raises  BadWeights if the tree does not get lower from node to node, and so may have no end
    """
    width = struct.calcsize(f"<{key}Q")
    left = [(address, DEEPEST_TREE)]
    while left:
        address, depth = left.pop()
        head = source.piece(where, address, 24)
        if head.bytes(4) != b"TREE":
            head.fail("a tree (TREE)", head.data[:4])
        got, level, count = head.numbers("BBH")
        if got != kind or level >= depth:
            head.fail(f"a tree of type {kind} that gets lower", f"type {got}, level {level}")
        entries = source.piece(where, address + 24, count * width)
        found = [(entries.numbers(key), entries.number("Q")) for _ in range(count)]
        if level:
            left += [(child, level) for _, child in reversed(found)]
        else:
            yield from found
