"""What a worker takes from a node and hands back to it, and who may look on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sinks.sink import Delivery
from stages.frame import Frame


@dataclass(frozen=True, slots=True)
class Batch:
    """What a worker works on at once; `ticket` keeps batches that run side by side in order."""

    ticket: int
    deliveries: Sequence[Delivery]

    @property
    def frames(self) -> list[Frame]:
        """The frames, in order."""
        return [delivery.frame for delivery in self.deliveries]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one frame of a batch.

    said    the node left a result on the frame
    failed  the reason why it could not, or None
    """

    said: bool = False
    failed: str | None = None


class Tracing(Protocol):
    """Hears when frames come to a node, leave its link, are let go, and are done; see Traces.

    Moments are monotonic seconds. Called from any thread, with the node's lock held, and so quick.
    """

    def waits(self, node: str, frame: Frame, now: float, *, once: bool) -> None: ...

    def taken(self, node: str, deliveries: Sequence[Delivery], now: float) -> None: ...

    def let_go(self, node: str, frame: Frame, reason: str, now: float) -> None: ...

    def finished(
        self, node: str, deliveries: Sequence[Delivery], outcomes: Sequence[Outcome], now: float
    ) -> None: ...


SAID = Outcome(said=True)
SILENT = Outcome()
