"""What the nodes before a stage have said about a frame."""

from collections.abc import Sequence

from models.results import Detections
from stages.frame import Frame


def things(frame: Frame, inputs: Sequence[str]) -> Detections | None:
    """The newest word on where things are: of the last of `inputs` that has given detections."""
    said = (frame.results.get(node) for node in reversed(inputs))
    return next((result for result in said if isinstance(result, Detections)), None)
