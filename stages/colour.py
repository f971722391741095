"""From the decoder's Y, U and V to red, green and blue, as the stream's own colour tags say.

OpenCV's `COLOR_YUV2RGB_*` knows BT.601 in limited range only; HD streams are mostly BT.709, which
read as BT.601 shifts skin and greens by up to 20 grey levels. One 3x4 matrix a stream holds both
the matrix and the range, and `cv2.transform` applies it to `uint8` faster than `cvtColor` converts.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Order = Literal["rgb", "bgr"]

# Kr and Kb of each matrix, by the code of ITU-T H.273, table 4, which FFmpeg's AVColorSpace uses.
LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.470 BG, which is BT.601
    6: (0.299, 0.114),  # SMPTE 170M, which is BT.601
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020, non-constant luminance
    10: (0.2627, 0.0593),  # BT.2020, constant luminance, read as non-constant
}
UNSPECIFIED = 2
FULL_RANGE = 2  # AVCOL_RANGE_JPEG


@dataclass(frozen=True, slots=True)
class Colour:
    """How a stream writes its colours.

    matrix  code of ITU-T H.273, table 4; 2 is "unspecified"
    full    luma takes 0..255 (JPEG) instead of 16..235
    """

    matrix: int = UNSPECIFIED
    full: bool = False

    def to_rgb(self, order: Order = "rgb") -> NDArray[np.float32]:
        """The (3, 4) matrix that takes (Y, U, V, 1), in 0..255, to `order`, in 0..255.

        An unspecified matrix is BT.601, as FFmpeg's own scaler takes it, at any picture size.
        """
        return _matrix(self, order)


@lru_cache(maxsize=64)
def _matrix(colour: Colour, order: Order) -> NDArray[np.float32]:
    kr, kb = LUMA_WEIGHTS.get(colour.matrix, LUMA_WEIGHTS[5])
    kg = 1 - kr - kb
    black, luma, chroma = (0.0, 1.0, 1.0) if colour.full else (16.0, 255 / 219, 255 / 224)
    rows = np.array(
        [
            [luma, 0.0, 2 * (1 - kr) * chroma],
            [luma, -2 * kb * (1 - kb) / kg * chroma, -2 * kr * (1 - kr) / kg * chroma],
            [luma, 2 * (1 - kb) * chroma, 0.0],
        ]
    )
    offset = -rows @ np.array([black, 128.0, 128.0])
    matrix = np.hstack([rows, offset[:, None]]).astype(np.float32)
    matrix = np.ascontiguousarray(matrix if order == "rgb" else matrix[::-1])
    matrix.flags.writeable = False
    return matrix
