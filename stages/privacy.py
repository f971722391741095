"""Say what nobody is to see: faces that others have found, or a whole picture that is out of place.

It fails closed. Where it is not sure what to hide, it hides all: when a node before it gave no
boxes, or only some of them, when a box is no number, when the classifier of `whole_when` is silent.
And a picture about which it said nothing at all is shown only pixelated, by every sink that it
guards.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.results import Detections, Veil
from stages.errors import BadOptions
from stages.frame import Frame
from stages.stage import Stage, StageContext, StageOptions

CONDITION = re.compile(
    r"""\s*(?P<node>[a-z0-9_-]+)\s*\.\s*(?P<name>[A-Za-z_][A-Za-z0-9_-]*|"[^"]+"|'[^']+')"""
    r"""\s*(?P<sign><=|>=|<|>)\s*(?P<number>[0-9]+(?:\.[0-9]+)?)\s*"""
)
SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class PrivacyOptions(StageOptions):
    """The keys of `stage: privacy`."""

    how: Literal["blur", "pixelate"] = Field("pixelate", description="How things are hidden.")
    strength: float = Field(
        0.125,
        ge=0.05,
        le=1,
        description="The side of a block, or twice the deviation of the blur, as a share of the "
        "longer side of what is hidden.",
    )
    margin: float = Field(
        0.2, ge=0, le=2, description="How far more is hidden at each edge, as a share of a box."
    )
    classes: tuple[str, ...] = Field(
        (), description="What is hidden of the things found; by default all of them."
    )
    whole_when: str | None = Field(
        None,
        description="When the whole picture is hidden, such as `view.outside > 0.5`: a node before "
        "this one, a class or another number of its, <, <=, > or >=, a number. Also when that "
        "node says nothing.",
    )


@dataclass(frozen=True, slots=True)
class _Condition:
    node: str
    name: str
    compare: Callable[[float, float], bool]
    number: float

    def holds(self, frame: Frame) -> bool:
        """Whether it is so, or cannot be known. Raises BadOptions if there is no such number."""
        result = frame.results.get(self.node)
        if result is None:
            return True
        try:
            return not self._surely_not(result.measure(self.name))
        except KeyError:
            raise BadOptions(
                f"whole_when: wanted a class or a number of {self.node}, got {self.name!r}"
            ) from None

    def _surely_not(self, value: float) -> bool:
        return bool(np.isfinite(value)) and not self.compare(value, self.number)


class Privacy(Stage):
    """A `Veil` for each frame, never silent: no box where there is nothing to hide."""

    Options: ClassVar[type[StageOptions]] = PrivacyOptions
    stateless = True

    def __init__(self, options: PrivacyOptions, context: StageContext) -> None:
        """No model and no files.

        raises  BadOptions if the condition cannot be read, or asks a node that is not before this
                one; if there is nothing that says what to hide
        """
        self._options = options
        self._condition = _read(options.whole_when, context)
        asked = self._condition.node if self._condition else None
        self._finders = tuple(name for name in context.inputs if name != asked)
        if not self._finders and self._condition is None:
            raise BadOptions(
                f"{context.node}: wanted a node that finds things in `from`, or `whole_when`, "
                f"got neither"
            )

    def run(self, frames: Sequence[Frame]) -> Sequence[Veil]:
        """One `Veil` a frame. Raises BadOptions for a class that nobody before it knows."""
        return [self._look(frame) for frame in frames]

    def _look(self, frame: Frame) -> Veil:
        how, strength = self._options.how, self._options.strength
        boxes = self._boxes(frame)
        whole = boxes is None or (self._condition is not None and self._condition.holds(frame))
        if boxes is None or whole:
            return Veil(np.empty((0, 4), np.float32), whole=True, how=how, strength=strength)
        return Veil(self._wider(boxes), whole=False, how=how, strength=strength)

    def _boxes(self, frame: Frame) -> NDArray[np.float32] | None:
        """Those of all finders, since one too many hides no less; None if they are not known."""
        if not self._finders:
            return np.empty((0, 4), np.float32)
        found = [frame.results.get(name) for name in self._finders]
        if any(one is None for one in found):
            return None
        things = [self._chosen(one) for one in found if isinstance(one, Detections)]
        if not things or any(one.partial for one in things):
            return None
        boxes = np.concatenate([one.boxes for one in things])
        return boxes if np.all(np.isfinite(boxes)) else None

    def _chosen(self, found: Detections) -> Detections:
        classes = self._options.classes
        if not classes:
            return found
        wanted = [number for number, name in enumerate(found.labels) if name in classes]
        if not wanted:
            raise BadOptions(
                f"classes: wanted some of {', '.join(found.labels[:10])}, got {', '.join(classes)}"
            )
        return found.pick(np.isin(found.classes, wanted))

    def _wider(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Corners in order, `margin` further out, no further than one picture off."""
        low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
        edge = self._options.margin * (high - low)
        return np.concatenate([low - edge, high + edge], axis=1).clip(-1, 2).astype(np.float32)


def _read(text: str | None, context: StageContext) -> _Condition | None:
    if text is None:
        return None
    match = CONDITION.fullmatch(text)
    if match is None:
        raise BadOptions(
            f"{context.node}: whole_when: wanted such as `view.outside > 0.5`, got {text!r}"
        )
    node, name = match["node"], match["name"].strip("\"'")
    if node not in context.inputs:
        raise BadOptions(
            f"{context.node}: whole_when: wanted a node of `from` ({', '.join(context.inputs)}), "
            f"got {node!r}"
        )
    return _Condition(node, name, SIGNS[match["sign"]], float(match["number"]))
