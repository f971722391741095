"""A face turned upright by its eyes, as recognisers and meshes learnt to see it."""

from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.spec import Input
from stages.picture import Crop, Picture, Wanted

# Where the middles of the eyes stand in a chip of dlib with padding 0.25, which the 128-d network
# was trained on: means of the corners in get_face_chip_details of dlib's interpolation.h,
# (padding + x) / (1 + 2 padding). In shares of the side; the eye on the left of the picture first.
EYES = np.array([[0.3182, 0.3142], [0.6685, 0.3142]], np.float32)
KeyPoint = Annotated[int, Field(ge=0)]
Eyes = tuple[KeyPoint, KeyPoint]
"""Which key points are the eyes, first the one on the left of the picture."""

APART = 2.0  # pixels: eyes that are nearer to each other are none

Turn = NDArray[np.float64]
"""(2, 3): from pixels of a picture to pixels of a model's input, a turn, a scale and a shift."""


def upright(picture: Picture, eyes: NDArray[np.float32], model: Input) -> NDArray[np.uint8] | None:
    """The face around two eyes, turned so that they are level, as the model wants its input.

    eyes     (2, 2) float32, x y in [0, 1] of the picture; first the one on the left of the picture
             when the head is upright
    returns  (height, width, 3) uint8 in the model's order; what lies beside the picture repeats its
             edge. None if the eyes are not numbers, less than 2 pixels apart or beside the picture
    """
    places = _places(picture, eyes)
    if places is None:
        return None
    here = EYES * np.array([model.width, model.height], np.float32)
    ratio = _complex(here[1] - here[0]) / _complex(places[1] - places[0])
    return shown(picture, _turn(ratio, places[0], here[0]), model)


def levelled(
    picture: Picture, box: NDArray[np.float32], eyes: NDArray[np.float32], side: float, model: Input
) -> Turn | None:
    """What brings a square around a box's middle to the model's input, with level eyes.

    box, eyes  (4,), (2, 2) float32, in [0, 1] of the picture; eyes as in `upright`
    side       of the square, pixels
    returns    None if the eyes are not numbers, or less than 2 pixels apart
    """
    places = _places(picture, eyes)
    if places is None or not np.all(np.isfinite(box)) or not side >= APART:
        return None
    along = _complex(places[1] - places[0])
    ratio = model.width / side * abs(along) / along
    middle = np.asarray((box[:2] + box[2:]) / 2 * np.array(picture.size, np.float32), np.float32)
    half = np.array([model.width / 2, model.height / 2], np.float32)
    return _turn(ratio, middle, half)


def shown(picture: Picture, turn: Turn, model: Input) -> NDArray[np.uint8] | None:
    """The part of a picture that `turn` brings to the model's input.

    returns  (height, width, 3) uint8 in the model's order; what lies beside the picture repeats its
             edge. None if nothing of the picture is in it
    """
    around = _around(picture, turn, model)
    if around is None:
        return None
    x1, y1, x2, y2 = around
    pixels = picture.pixels(Wanted(x2 - x1, y2 - y1, order=model.order, crop=around))
    turn = turn.copy()
    turn[:, 2] += turn[:, :2] @ np.array([x1, y1], np.float64)
    # Averaged first where the face is much larger than the input: two neighbours would alias.
    scale = float(np.hypot(turn[0, 0], turn[1, 0]))
    if scale < 0.5:
        size = (max(2, round(2 * scale * (x2 - x1))), max(2, round(2 * scale * (y2 - y1))))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        turn[:, :2] /= np.array([size[0] / (x2 - x1), size[1] / (y2 - y1)])
    made = cv2.warpAffine(
        pixels, turn, (model.width, model.height), borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(made, np.uint8)


def _places(picture: Picture, eyes: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Eyes in pixels, if they can be some."""
    if not np.all(np.isfinite(eyes)) or np.abs(eyes).max() > 10:
        return None
    places = eyes * np.array(picture.size, np.float32)
    return places if float(np.linalg.norm(places[1] - places[0])) >= APART else None


def _complex(point: NDArray[np.float32]) -> complex:
    return complex(float(point[0]), float(point[1]))


def _turn(ratio: complex, there: NDArray[np.float32], here: NDArray[np.float32]) -> Turn:
    """The one that turns and scales by `ratio` and brings a point to another."""
    linear = np.array([[ratio.real, -ratio.imag], [ratio.imag, ratio.real]])
    return np.hstack([linear, (here - linear @ there)[:, None]]).astype(np.float64)


def _around(picture: Picture, turn: Turn, model: Input) -> Crop | None:
    """The part of the picture that is shown, in even pixels: only that is converted."""
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * [model.width, model.height]
    back = cv2.invertAffineTransform(turn)
    there = corners @ back[:, :2].T + back[:, 2]
    x1, y1 = (int(max(0, v)) for v in np.floor(there.min(axis=0) / 2) * 2)
    high = np.ceil(there.max(axis=0) / 2) * 2
    x2, y2 = (int(min(most, v)) for v, most in zip(high, picture.size, strict=True))
    return (x1, y1, x2, y2) if x2 - x1 >= 2 and y2 - y1 >= 2 else None
