"""The nodes before a stage, and what they have said about a frame."""

from collections.abc import Sequence

from models.results import Detections
from stages.errors import BadOptions
from stages.frame import Frame
from stages.stage import StageContext


def things(frame: Frame, inputs: Sequence[str]) -> Detections | None:
    """The newest word on where things are: of the last of `inputs` that has given detections."""
    said = (frame.results.get(node) for node in reversed(inputs))
    return next((result for result in said if isinstance(result, Detections)), None)


def fed(context: StageContext, wanted: str) -> tuple[str, ...]:
    """The nodes before a stage that cannot do without.

    wanted  what one of them has to do, such as "finds faces"
    raises  BadOptions if there is none
    """
    if not context.inputs:
        raise BadOptions(f"{context.node}: wanted a node {wanted} in `from`, got none")
    return context.inputs
