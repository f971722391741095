"""From a picture to what a video encoder takes."""

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from sinks.annotate import Size
from stages.picture import Picture, Wanted

BT601 = 6  # ITU-T H.273, table 4: the matrix of OpenCV's I420 conversion
LIMITED, FULL = 1, 2  # AVColorRange: MPEG and JPEG


def image_of(picture: Picture, size: Size) -> av.VideoFrame:
    """A copy in I420 at `size` (width, height, both even), tagged with the picture's own colours.

    No colour is converted where the decoder's planes can be taken as they are.
    """
    planes, colour = picture.planes, picture.colour
    if planes[0].ndim == 3:
        return image_of_bgr(picture.pixels(Wanted(*size, order="bgr")))
    half = (size[0] // 2, size[1] // 2)
    grey = np.full((half[1], half[0]), 128, np.uint8)
    chroma = planes[1:] or (grey, grey)
    image = _filled((planes[0], *chroma), (size, half, half))
    image.colorspace = colour.matrix
    image.color_range = FULL if colour.full else LIMITED
    return image


def image_of_bgr(pixels: NDArray[np.uint8]) -> av.VideoFrame:
    """The same from (H, W, 3) uint8 in blue, green, red order, H and W even."""
    i420 = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_I420), np.uint8)
    image = av.VideoFrame.from_ndarray(i420, format="yuv420p")
    image.colorspace, image.color_range = BT601, LIMITED
    return image


def _filled(planes: tuple[NDArray[np.uint8], ...], sizes: tuple[Size, ...]) -> av.VideoFrame:
    image = av.VideoFrame(*sizes[0], "yuv420p")
    for plane, pixels, size in zip(image.planes, planes, sizes, strict=True):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        target = rows[: size[1], : size[0]]
        if (pixels.shape[1], pixels.shape[0]) == size:
            target[:] = pixels
        else:
            target[:] = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
    return image
