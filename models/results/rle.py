"""Masks as run lengths, in the compressed form that COCO has for them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco


def encode(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> Mapping[str, object]:
    """A mask as `{"size": [height, width], "counts": text}`, as `pycocotools.mask.decode` reads it.

    mask  (H, W): what is not 0 belongs to it
    """
    counts = coco.encode(np.asfortranarray(mask, np.uint8))["counts"]
    text = counts.decode("ascii") if isinstance(counts, bytes) else counts
    return {"size": list(mask.shape), "counts": text}
