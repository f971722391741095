"""Where a training runs: its checkpoint and its log."""

from dataclasses import dataclass

from models.training.checkpoint import Checkpoint
from models.training.events import Events


@dataclass(frozen=True, slots=True)
class Setting:
    """What is the same for every task."""

    checkpoint: Checkpoint
    events: Events | None
