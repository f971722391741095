"""Reads arrays from a .npz file: a zip archive with a .npy file for each.

Headers are matched against the form in which NumPy writes them (numpy/lib/format.py); nothing in a
file is evaluated, and arrays of Python objects are refused.
"""

import re
import struct
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

import numpy as np

from models.readers.archive import Member, members
from models.readers.stored import LONGEST_NAME, MOST_TENSORS, Checks, lazily, read_at
from models.readers.weights import Array, Stored, WeightFile

MAGIC = b"\x93NUMPY"
# By the version of the format: how the length of the header is written.
LENGTHS = {b"\1\0": "<H", b"\2\0": "<I", b"\3\0": "<I"}
LONGEST_HEADER = 10_000  # bytes, as NumPy has it
HEADER = re.compile(
    rb"\{'descr': '([<>|=]?[a-zA-Z?]\d{0,4})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,19}(?:, \d{1,19})*,?)?)\), \} *\n"
)

DTYPE = re.compile(r"[<>|=]?(f[248]|[iu][1248]|b1)")
TEXT = re.compile(r"<U[1-9]\d{0,3}")  # by the letters of the longest
LONGEST_TEXTS = 1 << 20  # bytes of a list of text


def read(path: Path, texts: Collection[str] = ()) -> WeightFile:
    """Read where the arrays lie, by their names without ".npy", in the archive's order.

    texts    names that lists of text may have; text under any other is refused
    returns  notes["texts"] are those lists, as tuples by their names
    raises   BadWeights naming the file, the array, what was wanted and what was got
    """
    checks = Checks(path.name, path.stat().st_size)
    tensors: dict[str, Stored] = {}
    told: dict[str, tuple[str, ...]] = {}
    with path.open("rb") as file:
        for name, member in members(file, checks).items():
            if not name.endswith(".npy"):
                checks.fail(f"member {name}", "a name that ends in .npy", name[-4:])
            checks.count("letters of a name", len(name), LONGEST_NAME)
            short = name.removesuffix(".npy")
            where = f"tensor {short}"
            if short in texts:
                told[short] = _texts(path, file, member, where, checks)
            else:
                tensors[short] = _stored(path, file, member, where, checks)
    return WeightFile(path.name, tensors, {"texts": told})


def _texts(
    path: Path, file: BinaryIO, member: Member, where: str, checks: Checks
) -> tuple[str, ...]:
    start = _start(file, member, where, checks)
    dtype, _, shape, skip = _header(start, where, checks, TEXT, "text")
    if len(shape) != 1:
        checks.fail(f"{where}: shape", "a list", shape)
    checks.count(f"{where}: length", shape[0], MOST_TENSORS)
    length = shape[0] * dtype.itemsize
    checks.count(f"{where}: bytes", length, LONGEST_TEXTS)
    _check_length(member, skip, length, f"{where}: {shape} {dtype}", checks)
    each, letters = dtype.itemsize, bytes(_whole(path, member, where, checks)[skip:])
    try:  # not by NumPy, which fails in ways of its own where a letter's number is none
        found = [letters[at : at + each].decode("utf-32-le") for at in range(0, length, each)]
    except UnicodeDecodeError as error:
        checks.fail(where, "text", str(error))
    return tuple(text.rstrip("\0") for text in found)


def _stored(path: Path, file: BinaryIO, member: Member, where: str, checks: Checks) -> Stored:
    start = _start(file, member, where, checks)
    known = "float16, float32, float64, integers or bool"
    dtype, fortran, shape, skip = _header(start, where, checks, DTYPE, known)
    length = checks.tensor(where, shape, dtype)
    _check_length(member, skip, length, f"{where}: {shape} {dtype}", checks)

    def read() -> Array:
        numbers = np.frombuffer(_whole(path, member, where, checks), dtype, offset=skip)
        return numbers.reshape(shape, order="F" if fortran else "C")

    return lazily(shape, dtype, read)


def _check_length(member: Member, skip: int, length: int, where: str, checks: Checks) -> None:
    """Check that a member has `length` bytes behind the `skip` of its header."""
    if member.size != skip + length:
        checks.fail(where, f"{length} bytes", member.size - skip)


def _whole(path: Path, member: Member, where: str, checks: Checks) -> bytes | memoryview:
    """A member's bytes, no longer compressed."""
    raw = read_at(path, where, member.offset, member.length).data
    whole = _inflate(raw, member.size, where, checks) if member.compressed else raw
    if (got := zlib.crc32(whole)) != member.crc:
        checks.fail(where, f"bytes with the sum {member.crc:08x}", f"{got:08x}")
    return whole


def _start(file: BinaryIO, member: Member, where: str, checks: Checks) -> bytes:
    """The first bytes of a member, as many as a header may have."""
    most = min(LONGEST_HEADER, member.size)
    file.seek(member.offset)
    if not member.compressed:
        return file.read(most)
    # Deflate can put a stored block of 64 KiB in front of anything.
    raw = file.read(min(member.length, LONGEST_HEADER + (1 << 16)))
    return _inflate(raw, most, where, checks, whole=False)


def _inflate(
    raw: bytes | memoryview, size: int, where: str, checks: Checks, *, whole: bool = True
) -> bytes:
    """`size` bytes out of a raw stream of deflate; `whole` if there may not be more."""
    try:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        made = stream.decompress(raw, size + 1 if whole else size)
    except zlib.error as error:
        checks.fail(where, "a stream of deflate", str(error))
    if len(made) != size:
        checks.fail(where, f"{size} bytes", f"{len(made)} or more")
    return made


def _header(
    start: bytes, where: str, checks: Checks, dtypes: re.Pattern[str], known: str
) -> tuple[np.dtype[np.generic], bool, tuple[int, ...], int]:
    """The dtype, whether the first axis is fastest, the shape, and the bytes of the header.

    dtypes, known  which there may be, as NumPy writes them and for people
    """
    version = start[6:8]
    if start[:6] != MAGIC or version not in LENGTHS:
        checks.fail(where, "a .npy file of version 1 to 3", start[:8])
    prefix = struct.calcsize(LENGTHS[version])
    if len(start) < 8 + prefix:
        checks.fail(where, "a header", f"{len(start)} bytes")
    (length,) = struct.unpack(LENGTHS[version], start[8 : 8 + prefix])
    end = 8 + prefix + length
    found = HEADER.fullmatch(start[8 + prefix : end])
    if end > len(start) or not found:
        checks.fail(where, "a header as NumPy writes it", start[8 : 8 + LONGEST_NAME])
    code, fortran, shape = (part.decode() for part in found.groups())
    # Checked by its letters, since NumPy warns of some.
    if not dtypes.fullmatch(code):
        checks.fail(f"{where}: dtype", known, code)
    return np.dtype(code), fortran == "True", tuple(map(int, re.findall(r"\d+", shape))), end
