"""How much of a picture has changed."""

from dataclasses import dataclass
from typing import ClassVar

from models.errors import BadShape
from models.results.result import Wire


@dataclass(frozen=True, slots=True)
class Motion:
    """What has changed since the last picture of the stream that went through the gate.

    share   of the picture's area, in [0, 1]; 1 for the first picture of a stream
    raises  BadShape if it is outside of that
    """

    share: float

    kind: ClassVar[str] = "motion"

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise BadShape(f"Motion.share: wanted a number in [0, 1], got {self.share}")

    def measure(self, name: str) -> float:
        """`share` is the share."""
        if name != "share":
            raise KeyError(name)
        return self.share

    def to_wire(self) -> Wire:
        return {"share": round(self.share, 4)}
