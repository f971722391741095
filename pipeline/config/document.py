"""A YAML text as a tree that still knows its lines.

YAML 1.2's core schema is read: `no`, `on` and `1:30` are text, only `true` and `false` are truth.
A tree is built from the parser's events and never written out: an alias is one shared branch, so a
hostile file costs no more memory than its own length, and its size is known before it is used.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import yaml

Scalar = None | bool | int | float | str

BYTES_MAX = 256 * 1024  # a hundred streams, each with ten keys, take a tenth of this
DEPTH_MAX = 24  # of ours, the deepest key lies six down
ITEMS_MAX = 50_000  # with every alias written out

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where the wheel has it


class _YamlMark(Protocol):
    """A place in PyYAML's own count, from 0."""

    line: int
    column: int


_TAG = "tag:yaml.org,2002:"
# YAML 1.2, section 10.3.2: what an unquoted scalar is, the first that fits.
_SCHEMA: tuple[tuple[re.Pattern[str], Callable[[str], Scalar]], ...] = (
    (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]{1,30}"), int),
    (re.compile(r"0o[0-7]{1,30}|0x[0-9a-fA-F]{1,30}"), lambda text: int(text, 0)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda text: float(text.replace(".", ""))),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the file, from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Item:
    """One value of the file.

    value  a scalar, a tuple of items, or a mapping from key to item
    mark   where it begins
    keys   where each key of a mapping stands
    size   how many items it is, with all that it holds and every alias written out
    depth  how many levels lie below it
    """

    value: "Scalar | tuple[Item, ...] | Mapping[str, Item]"
    mark: Mark
    keys: Mapping[str, Mark] = field(default_factory=dict)
    size: int = 1
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the text itself."""

    mark: Mark | None
    text: str


class NotYaml(Exception):
    """The text cannot be read at all. `fault` says where and why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


def compose(data: bytes) -> tuple[Item, list[Fault]]:
    """Read one YAML document in UTF-8.

    returns  its tree, and what is wrong but did not keep it from being read: double keys
    raises   NotYaml if it is too large, too deep, in another encoding, or not YAML
    """
    if len(data) > BYTES_MAX:
        raise NotYaml(
            Fault(None, f"wanted at most {BYTES_MAX // 1024} KiB, got {len(data):,} bytes")
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NotYaml(
            Fault(Mark(line, 1), f"wanted UTF-8 text, got byte 0x{data[error.start]:02x}")
        ) from None
    try:
        return _Composer(text).document()
    except yaml.reader.ReaderError as error:
        raise NotYaml(
            Fault(None, f"wanted YAML text, got character #x{_code(error):04x}")
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise NotYaml(Fault(_mark(mark), f"wanted YAML, got: {said}")) from None


class _Composer:
    """Builds the tree from the parser's events."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, Item] = {}
        self._faults: list[Fault] = []
        self._count = 0

    def document(self) -> tuple[Item, list[Fault]]:
        root = Item(None, Mark(1, 1))
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise NotYaml(
                        Fault(_mark(event.start_mark), "wanted one document, got another")
                    )
                root = self._item(next(self._events), 0)
        return root, self._faults

    def _item(self, event: yaml.Event, depth: int) -> Item:
        mark = _mark(event.start_mark)
        self._grow(1, mark)
        if depth > DEPTH_MAX:
            raise NotYaml(Fault(mark, f"wanted at most {DEPTH_MAX} levels, got more"))
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise NotYaml(Fault(mark, f"*{event.anchor}: no such anchor before this line"))
            item = self._anchors[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            item = Item(_scalar(event, mark), mark)
        elif isinstance(event, yaml.SequenceStartEvent):
            _plain_tag(event.tag, "seq", mark)
            item = self._list(mark, depth)
        elif isinstance(event, yaml.MappingStartEvent):
            _plain_tag(event.tag, "map", mark)
            item = self._mapping(mark, depth)
        else:  # pragma: no cover - the parser gives no other event here
            raise NotYaml(Fault(mark, f"wanted a value, got {event}"))
        if item.size > ITEMS_MAX:
            raise NotYaml(Fault(mark, f"wanted at most {ITEMS_MAX:,} values, got more"))
        if depth + item.depth > DEPTH_MAX:
            raise NotYaml(Fault(mark, f"wanted at most {DEPTH_MAX} levels, got more"))
        anchor = getattr(event, "anchor", None)
        if anchor and not isinstance(event, yaml.AliasEvent):
            self._anchors[anchor] = item
        return item

    def _grow(self, count: int, mark: Mark) -> None:
        self._count += count
        if self._count > ITEMS_MAX:
            raise NotYaml(Fault(mark, f"wanted at most {ITEMS_MAX:,} values, got more"))

    def _list(self, mark: Mark, depth: int) -> Item:
        items: list[Item] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._item(event, depth + 1))
        return Item(tuple(items), mark, size=_size(items), depth=_depth(items))

    def _mapping(self, mark: Mark, depth: int) -> Item:
        values: dict[str, Item] = {}
        keys: dict[str, Mark] = {}
        merged: list[Item] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            at = _mark(event.start_mark)
            if not isinstance(event, yaml.ScalarEvent):
                raise NotYaml(Fault(at, "wanted a key of plain text, got something else"))
            name = str(event.value)
            value = self._item(next(self._events), depth + 1)
            if name == "<<" and not event.style:
                merged += self._merged(value)
            elif name in values:
                first = keys[name]
                self._faults.append(
                    Fault(at, f"{name!r}: wanted each key once, got it in line {first.line} too")
                )
            else:
                values[name], keys[name] = value, at
        for base in merged:
            if isinstance(base.value, Mapping):
                self._grow(len(base.value), mark)
                for name, value in base.value.items():
                    if name not in values:
                        values[name], keys[name] = value, base.keys[name]
        items = list(values.values())
        return Item(values, mark, keys, size=_size(items), depth=_depth(items))

    def _merged(self, item: Item) -> list[Item]:
        bases = list(item.value) if isinstance(item.value, tuple) else [item]
        for base in bases:
            if not isinstance(base.value, Mapping):
                self._faults.append(Fault(base.mark, "'<<': wanted a mapping to merge"))
        return bases


def _size(items: list[Item]) -> int:
    return 1 + sum(item.size for item in items)


def _depth(items: list[Item]) -> int:
    return 1 + max((item.depth for item in items), default=0)


def _scalar(event: yaml.ScalarEvent, mark: Mark) -> Scalar:
    """The value that YAML 1.2's core schema gives a scalar."""
    text = str(event.value)
    tag = (event.tag or "").removeprefix(_TAG)
    if tag not in {"", "!", "str", "null", "bool", "int", "float"}:
        raise NotYaml(Fault(mark, f"wanted plain values, got the tag {event.tag}"))
    if event.style or tag in {"!", "str"}:
        return text
    for pattern, made in _SCHEMA:
        if pattern.fullmatch(text):
            return made(text)
    return text


def _plain_tag(tag: str | None, usual: str, mark: Mark) -> None:
    if tag not in {None, "!", _TAG + usual}:
        raise NotYaml(Fault(mark, f"wanted plain values, got the tag {tag}"))


def _mark(mark: _YamlMark | None) -> Mark:
    return Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)


def _code(error: yaml.reader.ReaderError) -> int:
    character = error.character
    return character if isinstance(character, int) else ord(str(character)[:1] or "\0")
