"""One decoded picture: the decoder's own planes, and the few small copies that stages ask for.

Nothing is converted until a stage asks. Then the planes are resized where they lie and turned to
red, green and blue at the size asked for: 0.1 ms from 1080p to 224x224, where converting the whole
picture first takes 0.5 to 1.1 ms. What one stage asked for is kept for all who want the same.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.spec import Fit, Input
from stages.colour import FULL_RANGE, Colour, Order
from stages.errors import BadPicture
from stages.placement import Placement

if TYPE_CHECKING:
    import av  # who has a frame of it has imported it
    from typing_extensions import Buffer

# 8-bit formats whose planes are resized in place; FFmpeg brings any other one to I420 first.
PLANAR = {"gray", "yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"}
Planes = tuple[NDArray[np.uint8], ...]
Crop = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The pixels that a stage asks for: the key under which a picture keeps them.

    width, height  pixels
    fit            "stretch", "letterbox" or "corner": see `models.spec.Input`
    order          of the channels, "rgb" or "bgr"
    pad            grey level of what a letterbox leaves free
    exact          average over areas instead of two neighbours: slower, without aliasing
    crop           x1 y1 x2 y2, pixels of the picture: only this part of it, widened to even pixels
                   since colours are stored for two at a time; None: all of it
    """

    width: int
    height: int
    fit: Fit = "stretch"
    order: Order = "rgb"
    exact: bool = False
    pad: int = 114
    crop: Crop | None = None

    @staticmethod
    def by(model: Input, *, exact: bool, crop: Crop | None = None) -> "Wanted":
        """What a model wants, of a part of the picture or of all."""
        return Wanted(model.width, model.height, model.fit, model.order, exact, model.pad, crop)


class Picture:
    """A decoded picture of `width` x `height` pixels.

    Safe to share between threads; what it gives out is read-only and shared by all who want it.
    """

    def __init__(self, planes: Planes, colour: Colour) -> None:
        """Take planes as they are, without a copy.

        planes  (H, W) Y alone (grey), or Y, U, V, each uint8, chroma of any smaller size;
                or one (H, W, 3) uint8 in blue, green, red order
        raises  BadPicture if the picture has no pixels
        """
        height, width = planes[0].shape[:2]
        self._prepare(width, height, lambda: (planes, colour))

    @classmethod
    def from_av(cls, frame: "av.VideoFrame") -> "Picture":
        """Keep a decoded frame: no pixel is copied for the usual 8-bit formats.

        The decoder's buffer lives as long as the picture does. Its planes are looked at when
        somebody first asks for pixels, which nobody does of a stream that is only passed on.

        raises  BadPicture if the frame has no pixels
        """
        picture = cls.__new__(cls)
        picture._prepare(frame.width, frame.height, lambda: _look(frame))
        return picture

    def _prepare(self, width: int, height: int, look: Callable[[], tuple[Planes, Colour]]) -> None:
        if not width or not height:
            raise BadPicture(f"picture: wanted at least 1x1 pixels, got {width}x{height}")
        self.width = width
        self.height = height
        self._look = look
        self._looked: tuple[Planes, Colour] | None = None
        self._kept: dict[Wanted, NDArray[np.uint8]] = {}
        self._lock = threading.Lock()

    @property
    def planes(self) -> Planes:
        """As they lie in memory: Y, U and V, or Y alone, or one of blue, green, red pixels."""
        return self._seen()[0]

    @property
    def colour(self) -> Colour:
        """How Y, U and V become red, green and blue."""
        return self._seen()[1]

    def _seen(self) -> tuple[Planes, Colour]:
        if self._looked is None:
            self._looked = self._look()
        return self._looked

    @classmethod
    def from_bgr(cls, pixels: NDArray[np.uint8]) -> "Picture":
        """Take an (H, W, 3) uint8 array in OpenCV's order (blue, green, red), without a copy."""
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise BadPicture(f"pixels: wanted (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
        return cls((pixels,), Colour(full=True))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height

    def placed(self, wanted: Wanted) -> Placement:
        """Where `pixels(wanted)` shows this picture; its `undo` brings boxes back.

        raises  BadPicture if the crop that is wanted holds nothing of the picture
        """
        target = (wanted.width, wanted.height)
        if wanted.crop is None:
            return Placement.of(self.size, target, wanted.fit)
        x1, y1, x2, y2 = self._window(wanted.crop)
        w, h = self.size
        part = (x1 / w, y1 / h, (x2 - x1) / w, (y2 - y1) / h)
        return replace(Placement.of((x2 - x1, y2 - y1), target, wanted.fit), part=part)

    def around(self, box: NDArray[np.float32], margin: float = 0.0) -> Crop | None:
        """The crop around a box, as far as it lies on the picture.

        box      (4,) float32, x1 y1 x2 y2 in [0, 1] of the picture
        margin   what is added on each side, as a share of the box's own width and height
        returns  None if nothing of the picture is in it, or less than 2 x 2 pixels
        """
        if not np.all(np.isfinite(box)):
            return None
        x1, y1, x2, y2 = (float(v) for v in np.clip(box, -10, 10))
        dx, dy = (x2 - x1) * margin, (y2 - y1) * margin
        left, right = (round(float(np.clip(v, 0, 1)) * self.width) for v in (x1 - dx, x2 + dx))
        top, bottom = (round(float(np.clip(v, 0, 1)) * self.height) for v in (y1 - dy, y2 + dy))
        return (left, top, right, bottom) if right - left >= 2 and bottom - top >= 2 else None

    def _window(self, crop: Crop) -> Crop:
        x1, y1 = (max(0, v) // 2 * 2 for v in crop[:2])
        x2, y2 = (min(-(-v // 2) * 2, most) for v, most in zip(crop[2:], self.size, strict=True))
        if x2 <= x1 or y2 <= y1:
            raise BadPicture(
                f"crop: wanted a part of {self.width}x{self.height} pixels, got {crop}"
            )
        return x1, y1, x2, y2

    def pixels(self, wanted: Wanted) -> NDArray[np.uint8]:
        """(height, width, 3) uint8 in the order asked for; read-only, and shared.

        Made at the first call and kept for the next, except for crops, which nobody else wants.

        raises  BadPicture if the crop that is wanted holds nothing of the picture
        """
        with self._lock:
            kept = self._kept.get(wanted)
            if kept is None:
                kept = self._make(wanted)
                kept.flags.writeable = False
                if wanted.crop is None:
                    self._kept[wanted] = kept
            return kept

    @property
    def bgr(self) -> NDArray[np.uint8]:
        """The whole picture at its own size, (H, W, 3) uint8, blue, green, red; read-only."""
        return self.pixels(Wanted(self.width, self.height, order="bgr"))

    def _make(self, wanted: Wanted) -> NDArray[np.uint8]:
        place = self.placed(wanted)
        inner = (place.inner_width, place.inner_height)
        planes = self.planes if wanted.crop is None else self._cropped(self._window(wanted.crop))
        small = [self._resize(plane, inner, exact=wanted.exact) for plane in planes]
        pixels: NDArray[np.uint8]
        if small[0].ndim == 3:
            pixels = small[0] if wanted.order == "bgr" else _swapped(small[0])
        else:
            if len(small) == 1:
                small += [np.full_like(small[0], 128)] * 2
            yuv = cv2.merge(small)
            pixels = np.asarray(cv2.transform(yuv, self.colour.to_rgb(wanted.order)), np.uint8)
        if inner == (wanted.width, wanted.height):
            return pixels if pixels is not self.planes[0] else pixels.view()
        padded = np.full((wanted.height, wanted.width, 3), wanted.pad, np.uint8)
        padded[place.top : place.top + inner[1], place.left : place.left + inner[0]] = pixels
        return padded

    def _cropped(self, window: Crop) -> Planes:
        x1, y1, x2, y2 = window
        parts = []
        for plane in self.planes:
            # Chroma of 4:2:0 has half as many rows and columns, rounded up.
            down = 2 if plane.shape[0] < self.height else 1
            across = 2 if plane.shape[1] < self.width else 1
            rows = slice(y1 // down, -(-y2 // down))
            parts.append(plane[rows, x1 // across : -(-x2 // across)])
        return tuple(parts)

    @staticmethod
    def _resize(
        plane: NDArray[np.uint8], size: tuple[int, int], *, exact: bool
    ) -> NDArray[np.uint8]:
        if (plane.shape[1], plane.shape[0]) == size:
            return plane
        smaller = plane.shape[1] >= size[0] and plane.shape[0] >= size[1]
        filtering = cv2.INTER_AREA if exact and smaller else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(plane, size, interpolation=filtering), np.uint8)


def _swapped(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def _look(frame: "av.VideoFrame") -> tuple[Planes, Colour]:
    """The planes of a decoded frame, and how its colours are written."""
    name = frame.format.name
    full = frame.color_range == FULL_RANGE or name.startswith("yuvj")
    colour = Colour(int(frame.colorspace), full)
    if name in PLANAR:
        return tuple(_plane(frame, index) for index in range(len(frame.planes))), colour
    if name == "nv12":
        luma, pairs = _plane(frame, 0), _plane(frame, 1)
        pairs = pairs.reshape(pairs.shape[0], -1, 2)
        return (luma, pairs[..., 0], pairs[..., 1]), colour
    if frame.format.is_rgb:
        bgr = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
        return (bgr,), Colour(full=True)
    return _look(frame.reformat(format="yuv420p"))


def _plane(frame: "av.VideoFrame", index: int) -> NDArray[np.uint8]:
    """A plane without its padding, (height, width in bytes) uint8, no copy; keeps `frame` alive."""
    plane = frame.planes[index]
    channels = 2 if frame.format.name == "nv12" and index == 1 else 1
    rows = np.frombuffer(memoryview(cast("Buffer", plane)), np.uint8).reshape(-1, plane.line_size)
    visible: NDArray[np.uint8] = rows[: plane.height, : plane.width * channels]
    return visible
