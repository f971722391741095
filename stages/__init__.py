"""What happens to a frame: capture, the stages, and what they hand to each other."""

from stages.errors import (
    BadOptions,
    BadPicture,
    SourceError,
    SourceLost,
    SourceRefused,
    StageError,
)
from stages.events import Event
from stages.frame import Frame
from stages.picture import Picture, Wanted
from stages.source import Source
from stages.stage import Options, Stage, StageContext

__all__ = [
    "BadOptions",
    "BadPicture",
    "Event",
    "Frame",
    "Options",
    "Picture",
    "Source",
    "SourceError",
    "SourceLost",
    "SourceRefused",
    "Stage",
    "StageContext",
    "StageError",
    "Wanted",
]
