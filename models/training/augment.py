"""Varies a picture, and its boxes or its mask in the same way.

A `View` is drawn once and applied to all that belongs to a picture, so that they stay together. It
looks through a window: what lies outside of the picture is grey, as a letterbox pads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from models.spec import Fit, Input
from models.training.config import Augment
from models.training.examples import Pixels

Boxes = NDArray[np.float32]
Kept = NDArray[np.bool_]
Random = np.random.Generator

IGNORED = 255  # class of a mask's pixels that lie outside of the picture
SMALLEST = 1e-4  # side of a box that is worth keeping, in [0, 1] of the window
MOST_DRAWS = 20  # of a window, until one shows something


@dataclass(frozen=True, slots=True)
class View:
    """How a picture is looked at.

    left, top, right, bottom  of the window, in [0, 1] of the picture, or beyond it
    flip                      left and right change places
    hue                       degrees that are added
    saturation, brightness    factors
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0
    flip: bool = False
    hue: float = 0.0
    saturation: float = 1.0
    brightness: float = 1.0


def whole(size: tuple[int, int], wanted: Input) -> View:
    """The window through which `framewire run` looks, after the fit of `wanted`.

    size  height and width of the picture, pixels
    """
    return _window(size, wanted.width / wanted.height, wanted.fit)


def _window(size: tuple[int, int], shape: float, fit: Fit) -> View:
    if fit == "stretch":
        return View()
    height, width = size
    across = max(1.0, shape * height / width)
    down = max(1.0, width / height / shape)
    if fit == "corner":
        return View(0, 0, across, down)
    return View((1 - across) / 2, (1 - down) / 2, (1 + across) / 2, (1 + down) / 2)


def draw(random: Random, about: View, how: Augment) -> View:
    """A view near `about`: its edges moved, its colours changed, perhaps flipped."""
    width, height = about.right - about.left, about.bottom - about.top
    moved = random.uniform(-how.jitter, how.jitter, 4)
    return View(
        about.left + moved[0] * width,
        about.top + moved[1] * height,
        about.right + moved[2] * width,
        about.bottom + moved[3] * height,
        flip=bool(random.random() < how.flip),
        hue=float(random.uniform(-how.hue, how.hue)),
        saturation=_factor(random, how.saturation),
        brightness=_factor(random, how.brightness),
    )


def draw_showing(random: Random, about: View, how: Augment, boxes: Boxes) -> View:
    """As `draw`, but one that shows a box, if there is any. `about` itself, if none is found."""
    for _ in range(MOST_DRAWS):
        view = draw(random, about, how)
        if not len(boxes) or see_boxes(boxes, view, how.keep)[1].any():
            return view
    return about


def mirrored(view: View) -> View:
    """The same window, seen in a mirror."""
    return replace(view, flip=not view.flip)


def _factor(random: Random, most: float) -> float:
    """As often above 1 as below."""
    return float(most ** random.uniform(-1, 1))


def see(image: Pixels, view: View, size: tuple[int, int], pad: int = 114) -> Pixels:
    """The picture through the window.

    image    (H, W, 3) uint8 RGB
    size     height and width of the result
    pad      grey level of what lies outside
    returns  (height, width, 3) uint8 RGB; linear interpolation without averaging, as the pipeline's
    """
    seen = _warp(image, view, size, cv2.INTER_LINEAR, (pad,) * 3)
    return seen if (view.hue, view.saturation, view.brightness) == (0, 1, 1) else _tint(seen, view)


def see_mask(classes: Pixels, view: View, size: tuple[int, int]) -> Pixels:
    """The mask through the window, (height, width) uint8; IGNORED outside of the picture."""
    return _warp(classes, view, size, cv2.INTER_NEAREST, (IGNORED,))


def see_boxes(boxes: Boxes, view: View, keep: float) -> tuple[Boxes, Kept]:
    """The boxes through the window.

    boxes    (N, 4) float32, x1 y1 x2 y2 in [0, 1] of the picture
    keep     the least share of a box's area that has to be inside
    returns  (N, 4) float32 in [0, 1] of the window, clipped to it; (N,) bool: which are kept
    """
    origin = np.array([view.left, view.top] * 2)
    scale = np.array([view.right - view.left, view.bottom - view.top] * 2)
    moved = (boxes.astype(np.float64) - origin) / scale
    if view.flip:
        moved = moved[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (1, 0, 1, 0)
    inside = moved.clip(0, 1)
    visible = (inside[:, 2:] - inside[:, :2]).min(axis=1, initial=1) >= SMALLEST
    kept = visible & (_area(inside) >= keep * _area(moved))
    return inside.astype(np.float32), kept


def mosaic(
    parts: Sequence[tuple[Pixels, Boxes]],
) -> tuple[Pixels, Boxes]:
    """Four pictures of one size side by side, two above two, and all their boxes.

    parts    four of (h, w, 3) uint8 and (N, 4) float32 in [0, 1]
    returns  (2h, 2w, 3) uint8; boxes in [0, 1] of it, in the order of the parts
    """
    above, below = (np.concatenate([p[0] for p in parts[i : i + 2]], axis=1) for i in (0, 2))
    corners = ((0, 0), (1, 0), (0, 1), (1, 1))
    boxes = [
        (part[1] + np.array(corner * 2, np.float32)) / 2
        for part, corner in zip(parts, corners, strict=True)
    ]
    return np.concatenate([above, below]), np.concatenate(boxes).astype(np.float32)


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _warp(
    image: Pixels, view: View, size: tuple[int, int], how: int, border: tuple[int, ...]
) -> Pixels:
    """Middles of pixels are mapped, not their corners: hence the halves."""
    (rows, columns), (height, width) = image.shape[:2], size
    x = width / ((view.right - view.left) * columns)
    y = height / ((view.bottom - view.top) * rows)
    matrix = np.array(
        [
            [x, 0, (0.5 - view.left * columns) * x - 0.5],
            [0, y, (0.5 - view.top * rows) * y - 0.5],
        ]
    )
    if view.flip:
        matrix[0] = [-x, 0, width - 1 - matrix[0, 2]]
    seen = cv2.warpAffine(image, matrix, (width, height), flags=how, borderValue=border)
    return np.asarray(seen, np.uint8)


def _tint(image: Pixels, view: View) -> Pixels:
    hue, saturation, value = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
    # OpenCV's hue of 8 bits counts in steps of two degrees.
    hue = ((hue.astype(np.int16) + round(view.hue / 2)) % 180).astype(np.uint8)
    saturation = cv2.convertScaleAbs(saturation, alpha=view.saturation)
    value = cv2.convertScaleAbs(value, alpha=view.brightness)
    tinted = cv2.cvtColor(cv2.merge([hue, saturation, value]), cv2.COLOR_HSV2RGB)
    return np.asarray(tinted, np.uint8)
