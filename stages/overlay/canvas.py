"""A picture being drawn on: sizes that fit it, colours, text, panels.

All sizes follow from the picture's shorter side, so that a tag reads alike at 480 and at 2160
lines; a picture with fewer than about 400 should be enlarged first. Text is drawn in the font
that OpenCV 5 carries.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]

# One hue in twelve of OKLCH (lightness .78, chroma .155, less where sRGB ends), in steps of 150
# degrees, so that neighbours differ and none outshines another. A class keeps its colour: class n
# of a model has colour n modulo 12, on every picture and in every run.
PALETTE_RGB = (
    "2cd69e", "dc97fb", "c7bc29", "85baff", "ff996a", "01d1d2",
    "fc8cce", "8bcd63", "b0adfe", "f0a726", "07cafd", "ff939d",
)  # fmt: skip
PALETTE: tuple[Colour, ...] = tuple(
    (int(rgb[4:], 16), int(rgb[2:4], 16), int(rgb[:2], 16)) for rgb in PALETTE_RGB
)
DARK: Colour = (26, 20, 16)
LIGHT: Colour = (250, 247, 244)
SHADE = 0.32  # what is left of the picture's light behind a panel
BOLD, REGULAR = 600, 400  # weights of a variable font
LONGEST = 40  # characters of a name that are shown

FONT = cv2.FontFace("sans")


@dataclass(slots=True)
class Canvas:
    """A picture being drawn on.

    pixels  (H, W, 3) uint8, blue, green, red, writeable
    line    width of a box's line in pixels
    size    height of text in pixels
    top     where the next panel may start, in pixels from above
    """

    pixels: Pixels
    line: int
    size: int
    top: int

    @staticmethod
    def on(pixels: Pixels) -> "Canvas":
        """A canvas whose lines and letters fit the picture."""
        short = min(pixels.shape[:2])
        size = max(11, round(short / 36))
        return Canvas(pixels, line=max(2, round(short / 320)), size=size, top=size)


def colour_of(index: int) -> Colour:
    """The colour of a class by its number, as blue, green, red."""
    return PALETTE[index % len(PALETTE)]


def ink_on(colour: Colour) -> Colour:
    """Dark or light, whichever reads better on `colour` (contrast of WCAG 2.2, relative luminance).

    colour  blue, green, red
    """
    linear = [((c / 255 + 0.055) / 1.055) ** 2.4 if c > 10 else c / 255 / 12.92 for c in colour]
    luminance = 0.0722 * linear[0] + 0.7152 * linear[1] + 0.2126 * linear[2]
    return DARK if luminance > 0.18 else LIGHT


def panel(canvas: Canvas, left: int, top: int, width: int, height: int) -> None:
    """Darken a rounded rectangle, as far as it lies on the picture."""
    behind = canvas.pixels[top : top + height, left : left + width]
    if behind.size:
        mask = _mask(width, height, canvas.size // 2)[: behind.shape[0], : behind.shape[1]]
        cv2.copyTo(cv2.convertScaleAbs(behind, alpha=SHADE), mask, behind)


def tint(part: Pixels, inside: NDArray[np.uint8], colour: Colour, share: float) -> None:
    """Lay a colour over what belongs to something, in place.

    part    (H, W, 3) uint8, of a picture
    inside  (H, W) uint8: not 0 where it does
    share   of the colour, in [0, 1]
    """
    # Filled by OpenCV: numpy takes 40 times as long for a colour, 2.3 ms for 1280x720.
    flat = cv2.rectangle(np.empty_like(part), (0, 0), part.shape[1::-1], colour, cv2.FILLED)
    cv2.copyTo(cv2.addWeighted(part, 1 - share, flat, share, 0), inside, part)


def write(
    canvas: Canvas, text: str, x: int, base: int, colour: Colour, weight: int, scale: float = 1
) -> None:
    """Letters that begin at column `x` and stand on row `base`, `scale` times the usual size."""
    size = round(canvas.size * scale)
    cv2.putText(canvas.pixels, text, (x, base), colour, FONT, size, weight)


@lru_cache(maxsize=1024)
def text_width(text: str, size: int, weight: int) -> int:
    """Pixels that `text` takes, with what is left free behind its last letter."""
    return int(cv2.getTextSize((0, 0), text, (0, 0), FONT, size, weight)[2])


def short(name: str) -> str:
    """A name as far as it is shown."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


@lru_cache(maxsize=256)
def rounded(width: int, height: int, radius: int) -> NDArray[np.int32]:
    """The outline of a rectangle with round corners, (N, 2), x y from its upper left corner."""
    corners = (
        (width - radius, height - radius, 0),
        (radius, height - radius, 90),
        (radius, radius, 180),
        (width - radius, radius, 270),
    )
    arcs = [cv2.ellipse2Poly((x, y), (radius, radius), 0, a, a + 90, 15) for x, y, a in corners]
    return np.concatenate(arcs).astype(np.int32)


@lru_cache(maxsize=64)
def _mask(width: int, height: int, radius: int) -> Pixels:
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [rounded(width - 1, height - 1, radius)], (255,))
    return mask
