"""A test card: colour bars, a square that moves, and the number of the picture for machines.

The number stands in the top row as 32 blocks, white for 1 and black for 0, left to right: a white
and a black one by which the row is known, the 24 bits of the number, most significant first, and
6 bits of parity. A block is read as one mean, so the number outlives H.264, resizing and a browser.
"""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.colour import Colour
from stages.errors import BadOptions
from stages.picture import Picture
from stages.source import SourceStats

BLOCKS = 32
BITS = 24
PARITY = 6
ROW = 16
"""The row of blocks is a 16th of the picture high."""
BLACK, WHITE = 16, 235  # limited range, ITU-R BT.709
DARK, BRIGHT = 80, 170  # a mean between the two is no block of ours

# 75 % bars, Y Cb Cr in 8 bits: SMPTE RP 219-1, white to black.
BARS = (
    (180, 128, 128),
    (168, 44, 136),
    (145, 147, 44),
    (133, 63, 52),
    (63, 193, 204),
    (51, 109, 212),
    (28, 212, 120),
    (16, 128, 128),
)
SQUARE = (150, 60, 190)
STEP = 4
"""Pixels that the square moves from one picture to the next."""

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


class Card:
    """Draws the pictures of one test card, in I420 with BT.709 in limited range.

    0.2 ms a picture at 1280x720: only what moves is drawn, over a copy of what does not.
    """

    def __init__(self, width: int, height: int, title: str = "framewire") -> None:
        """Prepare what stays the same.

        width, height  pixels, even, at least 128x64
        raises         BadOptions for any other size
        """
        check_size(width, height)
        self.width, self.height = width, height
        self._font = height / 400  # a letter is 22 pixels high at scale 1
        self._still = _background(width, height)
        self._write(self._still[0], title, line=0)

    def planes(self, number: int) -> Planes:
        """Y, U and V of one picture, new arrays; `number` is read modulo 2**24."""
        y, u, v = (plane.copy() for plane in self._still)
        edges = _edges(self.width)
        for block, bit in enumerate(_row(number)):
            y[: self.height // ROW, edges[block] : edges[block + 1]] = WHITE if bit else BLACK
        side = self.height // 6 & ~1
        left, top = self._left(number, self.width - side), self.height * 3 // 4 & ~1
        y[top : top + side, left : left + side] = SQUARE[0]
        for plane, level in ((u, SQUARE[1]), (v, SQUARE[2])):
            plane[top // 2 : (top + side) // 2, left // 2 : (left + side) // 2] = level
        self._write(y, f"{number:08d}", line=1)
        return y, u, v

    def draw(self, number: int) -> Picture:
        """One picture, ready for the graph."""
        return Picture(self.planes(number), Colour(matrix=1))

    def _left(self, number: int, room: int) -> int:
        """Where the square is: to the right edge and back."""
        way = number * STEP % max(1, 2 * room)
        return min(way, 2 * room - way) & ~1

    def _write(self, y: NDArray[np.uint8], text: str, line: int) -> None:
        left, top = self.width // 20, self.height // 2 + line * self.height // 10
        cv2.putText(
            y, text, (left, top), cv2.FONT_HERSHEY_SIMPLEX, self._font, WHITE,
            max(1, self.height // 240), cv2.LINE_AA,
        )  # fmt: skip


class CardAlbum:
    """All the pictures of one card."""

    def __init__(self, width: int, height: int, title: str) -> None:
        """See `Card`."""
        self._card = Card(width, height, title)

    def __len__(self) -> int:
        """As many as the counter can tell apart: a week of 25 a second."""
        return 1 << BITS

    def take(self, number: int, stats: SourceStats) -> Picture:  # noqa: ARG002 - nothing can fail
        """Draw one."""
        return self._card.draw(number)


def check_size(width: int, height: int) -> None:
    """Raise BadOptions unless a card can be so large: a block needs four pixels, chroma pairs."""
    if width < 128 or height < 64 or width % 2 or height % 2:
        raise BadOptions(f"test card: wanted an even size of at least 128x64, got {width}x{height}")


def read_counter(picture: Picture) -> int | None:
    """The number that `Card` wrote into the picture, or None if there is none to be read.

    The picture may have been coded and resized, as long as all of it is there; about 0.1 ms.
    """
    luma = picture.planes[0]
    if luma.ndim == 3:
        luma = luma[..., 1]  # green carries most of the brightness
    height, width = luma.shape
    if width < BLOCKS or height < ROW:
        return None
    quarter = height / ROW / 4  # the middle half of the row, away from what coding smears
    strip = luma[int(quarter) : max(int(quarter) + 1, int(3 * quarter))].mean(axis=0)
    edges = _edges(width)
    bits = []
    for left, right in pairwise(edges):
        inset = (right - left) // 4
        mean = float(strip[left + inset : right - inset].mean())
        if DARK <= mean <= BRIGHT:
            return None
        bits.append(mean > BRIGHT)
    number = int("".join("01"[bit] for bit in bits[2 : 2 + BITS]), 2)
    return number if bits == _row(number) else None


def _row(number: int) -> list[bool]:
    number %= 1 << BITS
    # Every bit of the number stands in exactly one bit of the parity, so one misread block shows.
    parity = 0b101101
    for shift in range(0, BITS, PARITY):
        parity ^= number >> shift
    word = 0b10 << BITS | number
    word = word << PARITY | parity & ((1 << PARITY) - 1)
    return [bool(word >> bit & 1) for bit in reversed(range(BLOCKS))]


def _edges(width: int) -> list[int]:
    return [block * width // BLOCKS for block in range(BLOCKS + 1)]


def _background(width: int, height: int) -> Planes:
    y = np.full((height, width), BLACK, np.uint8)
    u, v = (np.full((height // 2, width // 2), 128, np.uint8) for _ in range(2))
    bars = np.array(BARS, np.uint8)
    top, bottom = height // ROW // 2 * 2 + 2, height * 3 // 4 & ~1
    y[top:bottom] = bars[np.arange(width) * len(BARS) // width, 0]
    for plane, channel in ((u, 1), (v, 2)):
        half = width // 2
        plane[top // 2 : bottom // 2] = bars[np.arange(half) * len(BARS) // half, channel]
    y[bottom:] = np.linspace(BLACK, WHITE, width).astype(np.uint8)
    return y, u, v
