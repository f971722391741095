"""Reads arrays from a .npz file: a zip archive with a .npy file for each.

Headers are matched against the form in which NumPy writes them (numpy/lib/format.py); nothing in a
file is evaluated, and arrays of Python objects are refused.
"""

import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from models.readers.archive import Member, members
from models.readers.stored import LONGEST_NAME, Checks, lazily, read_at
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


def read(path: Path) -> WeightFile:
    """Read where the arrays lie, by their names without ".npy", in the archive's order.

    raises  BadWeights naming the file, the array, what was wanted and what was got
    """
    checks = Checks(path.name, path.stat().st_size)
    tensors: dict[str, Stored] = {}
    with path.open("rb") as file:
        for name, member in members(file, checks).items():
            if not name.endswith(".npy"):
                checks.fail(f"member {name}", "a name that ends in .npy", name[-4:])
            checks.count("letters of a name", len(name), LONGEST_NAME)
            where = f"tensor {name.removesuffix('.npy')}"
            tensors[name.removesuffix(".npy")] = _stored(path, file, member, where, checks)
    return WeightFile(path.name, tensors)


def _stored(path: Path, file: BinaryIO, member: Member, where: str, checks: Checks) -> Stored:
    start = _start(file, member, where, checks)
    dtype, fortran, shape, skip = _header(start, where, checks)
    length = checks.tensor(where, shape, dtype)
    if member.size != skip + length:
        checks.fail(f"{where}: {shape} {dtype}", f"{length} bytes", member.size - skip)

    def read() -> Array:
        raw = read_at(path, where, member.offset, member.length).data
        whole = _inflate(raw, member.size, where, checks) if member.compressed else raw
        if (got := zlib.crc32(whole)) != member.crc:
            checks.fail(where, f"bytes with the sum {member.crc:08x}", f"{got:08x}")
        numbers = np.frombuffer(whole, dtype, offset=skip)
        return numbers.reshape(shape, order="F" if fortran else "C")

    return lazily(shape, dtype, read)


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
    start: bytes, where: str, checks: Checks
) -> tuple[np.dtype[np.generic], bool, tuple[int, ...], int]:
    """The dtype, whether the first axis is fastest, the shape, and the bytes of the header."""
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
    if not DTYPE.fullmatch(code):
        checks.fail(f"{where}: dtype", "float16, float32, float64, integers or bool", code)
    return np.dtype(code), fortran == "True", tuple(map(int, re.findall(r"\d+", shape))), end
