"""What all results have in common: a kind, numbers for conditions, a form for the wire."""

from collections.abc import Mapping
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.errors import BadShape

Wire = Mapping[str, object]


@runtime_checkable
class Result(Protocol):
    """What every result can do, whichever stage it comes from."""

    kind: ClassVar[str]
    """The name of its schema on the wire, such as "detections"."""

    def measure(self, name: str) -> float:
        """The number behind `name` in a condition (`when: "faces.count > 0"`).

        raises  KeyError if this result knows no such name
        """
        ...

    def to_wire(self) -> Wire:
        """The same as plain lists, numbers and strings, in the schema of `docs/schema.md`."""
        ...


def plain(array: NDArray[np.floating], digits: int) -> list[object]:
    """Numbers for the wire, rounded as they will be read: 0.4016, and not 0.4016000032424927."""
    return list(np.round(array.astype(np.float64), digits).tolist())


def check(
    what: str, array: NDArray[np.generic], shape: tuple[int | None, ...], dtype: type
) -> None:
    """Hold `array` to `shape` (None: any length) and `dtype`, and make it read-only.

    raises  BadShape, with what was wanted and what was got
    """
    fits = array.ndim == len(shape) and all(
        want is None or want == got for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype != dtype:
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise BadShape(
            f"{what}: wanted {wanted} {np.dtype(dtype).name}, got {array.shape} {array.dtype.name}"
        )
    array.flags.writeable = False
