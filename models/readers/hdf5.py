"""Walks an HDF5 file: groups, their members, attributes that are text, and messages of data sets.

"HDF5 File Format Specification", version 3.0, as far as h5py writes it unless told otherwise, which
is as Keras 2 does: superblock 0 or 1, object headers 1, groups with symbol tables. The C library
is not used, for it may loop for ever or crash on a file that is broken on purpose: of 2,000 files
with a few bits turned round, version 1.14.6 never came back from three.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

from models.readers.cursor import Cursor
from models.readers.hdf5_source import NOWHERE, Source, leaves
from models.readers.stored import LONGEST_NAME, MOST_AXES, MOST_TENSORS

SIGNATURE = b"\x89HDF\r\n\x1a\n"
# Types of messages, section IV.A.2.
DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL, LAYOUT = 0x01, 0x02, 0x03, 0x06, 0x07, 0x08
FILTERS, ATTRIBUTE, CONTINUATION, SYMBOLS, ATTRIBUTE_INFO = 0x0B, 0x0C, 0x10, 0x11, 0x15
SHARED = 2  # of the flags of a message: it stands elsewhere
STRING, VARIABLE = 3, 9  # classes of datatypes
HARD_LINKS = {0, 1}  # kinds of symbols; 2 is a soft link


@dataclass(frozen=True, slots=True)
class Message:
    """One of an object's messages, and where its bytes begin in the file."""

    type: int
    start: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Space:
    """A shape; `empty` is that of an object without data."""

    shape: tuple[int, ...]
    empty: bool


@dataclass(frozen=True)
class Object:
    """A group or a data set.

    address   of its header: the same object has the same
    messages  all but attributes
    """

    source: Source
    where: str
    address: int
    messages: tuple[Message, ...]
    _attributes: tuple[Message, ...] = field(repr=False)

    @property
    def is_group(self) -> bool:
        return any(message.type == SYMBOLS for message in self.messages)

    def message(self, kind: int) -> Message | None:
        """The message of a type, of which there may be one."""
        found = [message for message in self.messages if message.type == kind]
        if len(found) > 1:
            self.source.checks.fail(self.where, f"one message of type {kind}", len(found))
        return found[0] if found else None

    @cached_property
    def members(self) -> Mapping[str, int]:
        """The addresses of what is in a group, by name, in the order of the file."""
        table = self.message(SYMBOLS)
        return dict(_members(self.source, self.where, table)) if table else {}

    @cached_property
    def attributes(self) -> Mapping[str, Message]:
        """The attributes by name; their text is read by `texts`."""
        found: dict[str, Message] = {}
        for message in self._attributes:
            name = _Attribute(self.source, self.where, message).name
            if name in found:
                self.source.checks.fail(f"{self.where}: attribute {name}", "once", "twice")
            found[name] = message
        return found

    def texts(self, attribute: str) -> list[str]:
        """The text in an attribute, one for each of its elements."""
        return _Attribute(self.source, self.where, self.attributes[attribute]).texts()


def root_of(source: Source) -> Object:
    """The group that everything is in."""
    start = source.piece("superblock", 0, min(96, source.checks.size))
    if (got := start.bytes(min(8, source.checks.size))) != SIGNATURE:
        source.checks.fail("file", "an HDF5 file", got)
    version, *_, offsets, lengths, _ = start.numbers("8B")
    if version > 1:
        known = "0 or 1 (what h5py writes unless libver says otherwise)"
        source.checks.fail("superblock: version", known, version)
    if (offsets, lengths) != (8, 8):
        source.checks.fail("superblock", "offsets and lengths of 8 bytes", (offsets, lengths))
    start.bytes(8 if version == 0 else 12)
    base, _, end, _, _, address = start.numbers("6Q")
    if base != 0:
        source.checks.fail("superblock: base", "0", base)
    source.checks.inside("superblock: the file that it describes", 0, end)
    return object_at(source, "file", address)


def object_at(source: Source, where: str, address: int) -> Object:
    """The object whose header is at an address."""
    header = source.piece(f"{where}: header", address, 16)
    version, _, count, _, size = header.numbers("BBHII")
    if version != 1:
        source.checks.fail(f"{where}: header", "version 1", version)
    kept: list[Message] = []
    attributes: list[Message] = []
    blocks = [(address + 16, size)]
    for start, length in blocks:
        for message in _messages(source, where, start, length):
            if message.type == CONTINUATION:
                follows = Cursor(message.data, where, source.checks)
                blocks.append((follows.number("Q"), follows.number("Q")))
            (attributes if message.type == ATTRIBUTE else kept).append(message)
            if len(kept) + len(attributes) > count:
                source.checks.fail(f"{where}: header", f"{count} messages", "more")
    for message in kept:
        if message.type in {LINK, LINK_INFO, ATTRIBUTE_INFO}:
            source.checks.fail(where, "a group with a symbol table", "one of a later version")
    return Object(source, where, address, tuple(kept), tuple(attributes))


def _messages(source: Source, where: str, start: int, length: int) -> Iterator[Message]:
    block = source.piece(f"{where}: messages", start, length)
    while length - block.at >= 8:
        kind, size, flags = block.numbers("HHB3x")
        begin = start + block.at
        data = block.bytes(size)
        if flags & SHARED:
            source.checks.fail(where, "its own messages", "one that is shared")
        yield Message(kind, begin, data)


def space(source: Source, where: str, message: bytes) -> Space:
    """A dataspace message."""
    part = Cursor(message, f"{where}: shape", source.checks)
    version, rank, _ = part.numbers("3B")
    if version not in {1, 2}:
        part.fail("version 1 or 2", version)
    source.checks.count(f"{where}: axes", rank, MOST_AXES)
    kind = part.number("B") if version == 2 else part.number("B4x")
    return Space(part.numbers(f"{rank}Q"), empty=version == 2 and kind == 2)


class _Attribute:
    """An attribute message: versions 1 to 3 differ in padding and in one byte more."""

    def __init__(self, source: Source, where: str, message: Message) -> None:
        self._source = source
        part = Cursor(message.data, f"{where}: attribute", source.checks)
        version, flags, name, kind, shape = part.numbers("BBHHH")
        if version not in {1, 2, 3} or (version > 1 and flags):
            part.fail("version 1 to 3, nothing shared", (version, flags))
        if version == 3:
            part.number("B")
        pad = 8 if version == 1 else 1
        source.checks.count(f"{where}: bytes of an attribute's name", name, LONGEST_NAME)
        self.name = source.text(f"{where}: attribute", part.bytes(name))
        self._where = f"{where}: attribute {self.name}"
        part.align(pad)
        self._kind = part.bytes(kind)
        part.align(pad)
        self._shape = part.bytes(shape)
        part.align(pad)
        self._data = part.data[part.at :]

    def texts(self) -> list[str]:
        checks = self._source.checks
        found = space(self._source, self._where, self._shape)
        count = 0 if found.empty else prod(found.shape)
        checks.count(f"{self._where}: size", count, MOST_TENSORS)
        # An empty list is written as an empty array, of numbers too.
        if not count:
            return []
        kind = Cursor(self._kind, f"{self._where}: type", checks)
        which, bits, size = kind.numbers("BB2xI")
        data = Cursor(self._data, self._where, checks)
        if which & 15 == STRING:
            return [self._source.text(self._where, data.bytes(size)) for _ in range(count)]
        # Bit 0 tells text of any length from other lists of any length.
        if which & 15 != VARIABLE or bits & 15 != 1:
            checks.fail(self._where, "text", f"class {which & 15}")
        return [self._source.long_text(self._where, *data.numbers("IQI")) for _ in range(count)]


def _members(source: Source, where: str, table: Message) -> Iterator[tuple[str, int]]:
    """The symbols of a group: a tree whose leaves name them by places in a heap."""
    tree, heap = Cursor(table.data, f"{where}: symbols", source.checks).numbers("QQ")
    head = source.piece(f"{where}: heap", heap, 32)
    if head.bytes(8) != b"HEAP\0\0\0\0":
        head.fail("a heap (HEAP, version 0)", head.data[:8])
    size, _, start = head.numbers("QQQ")
    names = source.piece(f"{where}: names", start, size).data
    seen: set[str] = set()
    for _, leaf in leaves(source, f"{where}: members", tree, kind=0, key="Q"):
        nodes = source.piece(f"{where}: symbols", leaf, 8)
        if nodes.bytes(4) != b"SNOD":
            nodes.fail("symbols (SNOD)", nodes.data[:4])
        count = nodes.number("2xH")
        symbols = source.piece(f"{where}: symbols", leaf + 8, 40 * count)
        for _ in range(count):
            place, address, link = symbols.numbers("QQI20x")
            name = source.text(f"{where}: names", names[place : place + LONGEST_NAME + 1])
            if not name or "/" in name or name in {".", ".."}:
                source.checks.fail(f"{where}: names", "a name of a member", name)
            source.checks.count(f"{where}: letters of a name", len(name), LONGEST_NAME)
            if link not in HARD_LINKS or address == NOWHERE:
                source.checks.fail(f"{where}: {name}", "a part of this file", "a link")
            if name in seen:
                source.checks.fail(f"{where}: {name}", "once", "twice")
            seen.add(name)
            source.checks.count(f"{where}: members", len(seen), MOST_TENSORS)
            yield name, address
