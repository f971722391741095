"""Where the members of a zip archive lie, so that they can be read in place."""

import struct
import zipfile
from dataclasses import dataclass
from typing import BinaryIO

from models.readers.stored import MOST_TENSORS, Checks

# What `zipfile` raises for broken archives.
BROKEN = (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error, EOFError)
# A local header up to the name (APPNOTE.TXT 6.3, section 4.3.7): signature, 22 bytes that the
# directory has too, length of the name, length of the extra field.
LOCAL = struct.Struct("<4s22xHH")
ENCRYPTED = 1


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive.

    offset, length  where its bytes lie, as stored
    size            its bytes when it is no longer compressed, as the archive says
    crc             CRC-32 of those
    compressed      whether `length` bytes are anything else than the member itself
    """

    offset: int
    length: int
    size: int
    crc: int
    compressed: bool


def members(file: BinaryIO, checks: Checks) -> dict[str, Member]:
    """The members by name, in the order of the archive's directory.

    raises  BadWeights if the archive is broken, names a member twice, or says of one that it lies
            outside the file
    """
    try:
        with zipfile.ZipFile(file) as archive:
            listed = archive.infolist()
    except BROKEN as error:
        checks.fail("archive", "a readable zip archive", str(error))
    checks.count("members", len(listed), 2 * MOST_TENSORS)
    found: dict[str, Member] = {}
    for info in listed:
        where = f"member {info.filename}"
        if info.filename in found:
            checks.fail(where, "once", "twice")
        if info.flag_bits & ENCRYPTED:
            checks.fail(where, "plain bytes", "encrypted ones")
        if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            checks.fail(where, "stored or deflated", f"method {info.compress_type}")
        compressed = info.compress_type != zipfile.ZIP_STORED
        if not compressed and info.file_size != info.compress_size:
            checks.fail(where, f"{info.file_size} bytes", info.compress_size)
        checks.inside(where, info.header_offset, LOCAL.size)
        file.seek(info.header_offset)
        signature, name, extra = LOCAL.unpack(file.read(LOCAL.size))
        if signature != b"PK\3\4":
            checks.fail(where, "a local header", signature)
        offset = info.header_offset + LOCAL.size + name + extra
        checks.inside(where, offset, info.compress_size)
        found[info.filename] = Member(
            offset, info.compress_size, info.file_size, info.CRC, compressed
        )
    return found
