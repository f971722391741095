"""Walks the fields of a protocol buffer message where it lies, without taking it into memory.

The wire format: protobuf.dev/programming-guides/encoding. A message knows neither its own length
nor its type; each field has a number, and a wire type that says how long it is.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass

from models.readers.stored import Checks

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5  # wire types
FIXED = {EIGHT_BYTES: 8, FOUR_BYTES: 4}
MOST_FIELDS = 1_000_000  # of one file; a network of 1,000 nodes has some 20,000
LONGEST_VARINT = 10  # bytes of a number of 64 bits


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message.

    number, wire  as in the schema and in the wire format
    start, end    where its bytes lie, without their length
    value         of a VARINT, from 0 to 2^64 - 1; else 0
    """

    number: int
    wire: int
    start: int
    end: int
    value: int


class Message:
    """The bytes of a file from `start` to `end`, as one message."""

    def __init__(self, source: mmap.mmap, checks: Checks, where: str) -> None:
        self._source = source
        self._checks = checks
        self._where = where
        self._left = MOST_FIELDS

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """The fields in the order of the file.

        raises  BadWeights if one of them does not end before `end`
        """
        at = start
        while at < end:
            self._left -= 1
            if self._left < 0:
                self._checks.fail(self._where, f"at most {MOST_FIELDS} fields", "more")
            tag, at = self._varint(at, end)
            number, wire = tag >> 3, tag & 7
            if wire == VARINT:
                first = at
                value, at = self._varint(at, end)
                yield Field(number, wire, first, at, value)
                continue
            if wire == BYTES:
                length, at = self._varint(at, end)
            elif wire in FIXED:
                length = FIXED[wire]
            else:
                self._checks.fail(self._where, "a field of a known kind", f"wire type {wire}")
            if number == 0 or at + length > end:
                self._checks.fail(self._where, f"a field that ends before byte {end}", "another")
            yield Field(number, wire, at, at + length, 0)
            at += length

    def varints(self, field: Field) -> Iterator[int]:
        """The numbers of a packed field, or the one of a plain one."""
        if field.wire == VARINT:
            yield field.value
            return
        at = field.start
        while at < field.end:
            self._left -= 1
            if self._left < 0:
                self._checks.fail(self._where, f"at most {MOST_FIELDS} numbers", "more")
            value, at = self._varint(at, field.end)
            yield value

    def bytes(self, field: Field, most: int) -> bytes:
        """The bytes of a field, of which there may be `most`."""
        self._checks.count(f"{self._where}: bytes of a field", field.end - field.start, most)
        return self._source[field.start : field.end]

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        """Seven bits a byte, lowest first; the top bit says that more follow."""
        value = 0
        for i in range(min(LONGEST_VARINT, end - at)):
            byte = self._source[at + i]
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, at + i + 1
        return self._checks.fail(self._where, f"a number that ends before byte {end}", "another")
