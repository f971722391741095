"""Ways to break a file."""

import struct
from random import Random

LARGE = (2**31 - 1, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1, 0, 1, 255, 65_535, 1 << 20)


def damage(data: bytes, random: Random) -> bytes:
    """The same bytes, broken in one of the ways below."""
    if not data:
        return random.randbytes(random.randrange(64))
    return random.choice(WAYS)(bytearray(data), random)


def flip(data: bytearray, random: Random) -> bytes:
    """A few bits turned round."""
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(data)


def overwrite(data: bytearray, random: Random) -> bytes:
    """A few bytes that become others."""
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        data[random.randrange(len(data))] = random.choice(
            (0, 1, 0x7F, 0x80, 0xFF, random.getrandbits(8))
        )
    return bytes(data)


def lie(data: bytearray, random: Random) -> bytes:
    """A number of 4 or 8 bytes that becomes a large one, or the sum of itself and a small one."""
    form = random.choice("IQ")
    size = struct.calcsize(f"<{form}")
    if len(data) < size:
        return bytes(data)
    at = random.randrange(len(data) - size + 1)
    if random.random() < 0.7:
        at -= at % 4
    (old,) = struct.unpack_from(f"<{form}", data, at)
    new = random.choice((*LARGE, old + 1, old - 1, old * 2, old + random.randrange(4096)))
    struct.pack_into(f"<{form}", data, at, new % 2 ** (8 * size))
    return bytes(data)


def truncate(data: bytearray, random: Random) -> bytes:
    """The end cut off."""
    return bytes(data[: random.randrange(len(data))])


def cut(data: bytearray, random: Random) -> bytes:
    """A piece out of the middle."""
    start = random.randrange(len(data))
    del data[start : start + random.choice((1, 2, 4, 8, 64))]
    return bytes(data)


def repeat(data: bytearray, random: Random) -> bytes:
    """A piece twice."""
    start = random.randrange(len(data))
    piece = data[start : start + random.choice((1, 2, 4, 8, 64, 512))]
    return bytes(data[:start] + piece + data[start:])


def move(data: bytearray, random: Random) -> bytes:
    """A piece over another."""
    length = min(random.choice((1, 2, 4, 8, 64)), len(data))
    here, there = (random.randrange(len(data) - length + 1) for _ in range(2))
    data[there : there + length] = data[here : here + length]
    return bytes(data)


def extend(data: bytearray, random: Random) -> bytes:
    """Something behind the end."""
    return bytes(data) + random.randbytes(random.choice((1, 4, 8, 100)))


WAYS = (flip, flip, overwrite, lie, lie, truncate, cut, repeat, move, extend)
