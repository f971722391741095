"""A stage that hangs: the call that is given up, the error, the event."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from pipeline.batch import Batch
from stages.events import Event, Value
from stages.frame import Frame

log = structlog.get_logger()

HUNG: Final = "hung"
"""Why its frames have failed, and why others are dropped meanwhile."""


class StageHung(Exception):
    """A call of a stage has taken longer than it may."""

    reason = HUNG


@dataclass(eq=False, slots=True)
class Call:
    """A batch that a stage is at work on.

    began  monotonic seconds
    over   it has been decided what becomes of the batch
    """

    batch: Batch
    began: float
    over: bool = False


def hung(node: str, frames: Sequence[Frame], limit: float) -> Event:
    """The event, which is logged too: a call with these frames did not come back within `limit`."""
    first = frames[0]
    detail: dict[str, Value] = {"hang_s": limit, "frames": len(frames)}
    detail |= {"stream": first.stream, "seq": first.seq}
    log.error("stage hangs", node=node, **detail)
    return Event("stage.hung", node, detail)


def resumed(node: str, seconds: float) -> Event:
    """The event, which is logged too: a call that had been given up came back after all."""
    log.warning("stage came back", node=node, after_s=round(seconds, 3))
    return Event("stage.resumed", node, {"after_s": round(seconds, 3)})
