"""Reads darknet's two files: the text that says how a network is built, and its weights.

After `src/parser.c` of github.com/pjreddie/darknet at f6afaab. A `.weights` file holds no names and
no shapes: a head, then float32 numbers, little-endian, one convolution after the other:

    int32 major, minor, revision
    seen: how many pictures it was trained on; uint64 from version 0.2 on, int32 before
    each convolution: beta (O), gamma (O), mean (O), variance (O), kernel (O, I, H, W), or
                      bias (O), kernel (O, I, H, W) if it has no batch norm
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from models.errors import BadWeights, OtherLength
from models.readers.stored import Checks, plain
from models.readers.weights import WeightFile

# The largest of darknet's own texts has 12 kB; no number in one is above a million.
MOST_TEXT = 1 << 18  # bytes
MOST = 10**6

SHORT_HEAD, LONG_HEAD = 16, 20  # bytes, before version 0.2 and since


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a `.cfg` file: `[kind]` and the lines `key=value` under it.

    line     of its head, from 1
    options  by key: the value, and its line
    """

    file: str
    kind: str
    line: int
    options: Mapping[str, tuple[str, int]]

    def text(self, key: str, default: str) -> str:
        """The value of a key as it is written, without white space."""
        return self.options[key][0] if key in self.options else default

    def integer(self, key: str, default: int | None = None) -> int:
        """One whole number; raises BadWeights if it is none, or is missing and has no default."""
        if key not in self.options and default is not None:
            return default
        numbers = self.integers(key)
        return numbers[0] if len(numbers) == 1 else self.fail(f"one {key}", len(numbers), key)

    def integers(self, key: str) -> tuple[int, ...]:
        """Whole numbers with commas between them."""
        numbers = self.numbers(key)
        if any(number != int(number) for number in numbers):
            self.fail(f"whole numbers as {key}", self.text(key, ""), key)
        return tuple(int(number) for number in numbers)

    def numbers(self, key: str) -> tuple[float, ...]:
        """Numbers with commas between them."""
        if key not in self.options:
            self.fail(f"a line {key}=", "none")
        try:
            numbers = tuple(float(part) for part in self.options[key][0].split(","))
        except ValueError:
            self.fail(f"numbers as {key}", repr(self.options[key][0]), key)
        if not all(-MOST <= number <= MOST for number in numbers):
            self.fail(f"numbers of {key} up to {MOST}", self.options[key][0], key)
        return numbers

    def fail(self, wanted: str, got: object, key: str = "") -> NoReturn:
        """Raise BadWeights for this section, or for the line of one of its keys."""
        line = self.options[key][1] if key in self.options else self.line
        raise BadWeights(f"{self.file}: line {line}: [{self.kind}]: wanted {wanted}, got {got}")


def read_cfg(path: Path) -> tuple[Section, ...]:
    """The sections of a `.cfg` file, in order.

    raises  BadWeights naming the line, if it is no such file, is too large, has no section or says
            a thing twice
    """
    if path.stat().st_size > MOST_TEXT:
        length = path.stat().st_size
        raise BadWeights(f"{path.name}: wanted at most {MOST_TEXT} bytes, got {length}")
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise BadWeights(f"{path.name}: wanted text, got {error}") from None
    found: list[Section] = []
    options: dict[str, tuple[str, int]] = {}
    for number, written in enumerate(text.split("\n"), 1):
        line = "".join(written.split())  # darknet takes out all white space, too
        if not line or line[0] in "#;":
            continue
        key, equals, value = line.partition("=")
        if not line.isprintable():
            raise BadWeights(f"{path.name}: line {number}: wanted text, got {line!a}")
        if line[0] == "[" and line[-1] == "]":
            options = {}
            found.append(Section(path.name, line[1:-1], number, options))
        elif not found or not equals or key in options:
            raise BadWeights(
                f"{path.name}: line {number}: wanted [kind] or a new key=value, got {line!r}"
            )
        else:
            options[key] = value, number
    if not found:
        raise BadWeights(f"{path.name}: wanted sections such as [net], got none")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Convolution:
    """What a `.weights` file holds of a convolution.

    name     how its tensors shall be called: "name/kernel", "name/beta" and so on
    filters  channels that come out;  inputs  channels that go in;  size  of the square kernel
    """

    name: str
    filters: int
    inputs: int
    size: int
    batch_norm: bool

    def shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Its tensors in the order of the file."""
        parts = ("beta", "gamma", "mean", "variance") if self.batch_norm else ("bias",)
        for part in parts:
            yield f"{self.name}/{part}", (self.filters,)
        yield f"{self.name}/kernel", (self.filters, self.inputs, self.size, self.size)


def read(path: Path, convolutions: Sequence[Convolution]) -> WeightFile:
    """The tensors of a `.weights` file, whose network has these convolutions in this order.

    raises  BadWeights if the file is not exactly as long as they are together
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(LONG_HEAD)
    if len(head) < SHORT_HEAD:
        raise BadWeights(f"{path.name}: wanted a head of {SHORT_HEAD} bytes at least, got {length}")
    major, minor, revision = (int(n) for n in np.frombuffer(head, "<i4", 3))
    long = major * 10 + minor >= 2 and major < 1000 and minor < 1000
    if min(major, minor, revision) < 0 or (long and len(head) < LONG_HEAD):
        raise BadWeights(
            f"{path.name}: wanted a head with a version and a count, got {head.hex(' ', 4)}"
        )
    offset = LONG_HEAD if long else SHORT_HEAD
    seen = int(np.frombuffer(head, "<u8" if long else "<u4", 1, 12)[0])
    checks, tensors = Checks(path.name, length), {}
    _look_at_the_last(path.name, convolutions, length - offset)
    for convolution in convolutions:
        for name, shape in convolution.shapes():
            where = f"tensor {name} {shape}"
            tensors[name] = plain(path, where, checks, offset, shape, np.dtype("<f4"))
            offset += 4 * math.prod(shape)
    if offset != length:
        wanted = f"{offset} bytes for {len(convolutions)} convolutions"
        checks.fail("end of the file", wanted, length)
    notes = {"version": (major, minor, revision), "seen": seen}
    return WeightFile(path.name, tensors, notes)


def _look_at_the_last(name: str, convolutions: Sequence[Convolution], bytes_: int) -> None:
    """Raise OtherLength if the file fits all layers but for how many filters the last one has."""
    if not convolutions:
        return
    *others, last = (sum(math.prod(s) for _, s in one.shapes()) for one in convolutions)
    filters = convolutions[-1].filters
    got, rest = divmod(bytes_ // 4 - sum(others), last // filters)
    if got > 0 and not rest and got != filters and not bytes_ % 4:
        raise OtherLength(
            f"{name}: {convolutions[-1].name}, the last layer: wanted numbers for {filters} "
            f"filters to the end of the file, got for {got}",
            filters,
            got,
        )
