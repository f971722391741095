"""A face turned upright and scaled by its eyes, as recognisers learnt to see it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from models.spec import Input
from stages.picture import Crop, Picture, Wanted

# Where the middles of the eyes stand in a chip of dlib with padding 0.25, which the 128-d network
# was trained on: means of the corners in get_face_chip_details of dlib's interpolation.h,
# (padding + x) / (1 + 2 padding). In shares of the side; the eye on the left of the picture first.
EYES = np.array([[0.3182, 0.3142], [0.6685, 0.3142]], np.float32)
REACH = 2.0  # eye distances around the eyes in which all of a chip lies, however it is turned


def upright(picture: Picture, eyes: NDArray[np.float32], model: Input) -> NDArray[np.uint8] | None:
    """The face around two eyes, turned so that they are level, as the model wants its input.

    eyes     (2, 2) float32, x y in [0, 1] of the picture; first the one on the left of the picture
             when the head is upright
    returns  (height, width, 3) uint8 in the model's order; what lies beside the picture repeats its
             edge. None if the eyes are not numbers, less than 2 pixels apart or beside the picture
    """
    if not np.all(np.isfinite(eyes)) or np.abs(eyes).max() > 10:
        return None
    places = eyes * np.array(picture.size, np.float32)
    apart = float(np.linalg.norm(places[1] - places[0]))
    if apart < 2:
        return None
    around = _around(picture, places, apart)
    if around is None:
        return None
    x1, y1, x2, y2 = around
    pixels = picture.pixels(Wanted(x2 - x1, y2 - y1, order=model.order, crop=around))
    size = np.array([model.width, model.height], np.float32)
    turn = _similarity(places - np.array([x1, y1], np.float32), EYES * size)
    # Averaged first where the face is much larger than the input: two neighbours would alias.
    shrink = float(np.hypot(turn[0, 0], turn[1, 0]))
    if shrink < 0.5:
        target = (max(2, round(2 * shrink * (x2 - x1))), max(2, round(2 * shrink * (y2 - y1))))
        across = np.array([target[0] / (x2 - x1), target[1] / (y2 - y1)])
        pixels = np.asarray(cv2.resize(pixels, target, interpolation=cv2.INTER_AREA), np.uint8)
        turn[:, :2] /= across
    made = cv2.warpAffine(
        pixels, turn, (model.width, model.height), borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(made, np.uint8)


def _around(picture: Picture, places: NDArray[np.float32], apart: float) -> Crop | None:
    """The part of the picture that a chip can show, in even pixels: only that is converted."""
    middle = places.mean(axis=0)
    reach = REACH * apart
    low = np.floor((middle - reach) / 2) * 2
    high = np.ceil((middle + reach) / 2) * 2
    x1, y1 = (int(max(0, v)) for v in low)
    x2, y2 = (int(min(most, v)) for v, most in zip(high, picture.size, strict=True))
    return (x1, y1, x2, y2) if x2 - x1 >= 2 and y2 - y1 >= 2 else None


def _similarity(there: NDArray[np.float32], here: NDArray[np.float32]) -> NDArray[np.float64]:
    """The (2, 3) turn, scale and shift that bring two points to two others: exactly one does."""
    one, other = (complex(*(p[1] - p[0]).tolist()) for p in (there, here))
    ratio = other / one
    turn = np.array([[ratio.real, -ratio.imag], [ratio.imag, ratio.real]])
    return np.hstack([turn, (here[0] - turn @ there[0])[:, None]]).astype(np.float64)
