"""Somebody who looks at a stream's page, and notes when each picture was ready to be sent."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sinks.feed import Board


@dataclass
class Watcher:
    """What was seen: of each picture, monotonic seconds.

    at     when it lay ready as JPEG, with everything drawn on it
    added  since it had been decoded
    whole  since its packet had come in
    """

    at: list[float] = field(default_factory=list)
    added: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)

    async def look(
        self, board: Board, stream: str, enough: Callable[[], bool] = lambda: False
    ) -> None:
        """Until it has seen enough, or is cancelled."""
        async for shown in board.watch([stream]):
            now, frame = time.monotonic(), shown.delivery.frame
            self.at.append(now)
            self.added.append(now - frame.decoded)
            self.whole.append(now - frame.arrived)
            if enough():
                return

    def figures(self, after: float) -> dict[str, float]:
        """Pictures a second, and milliseconds, without those of the first so many seconds."""
        at = np.array(self.at)
        late = at >= at[0] + after
        told = {"pictures": float(late.sum()), "fps": float((late.sum() - 1) / np.ptp(at[late]))}
        gaps, added, whole = (
            np.diff(at[late]),
            np.array(self.added)[late],
            np.array(self.whole)[late],
        )
        for name, seconds in (("gap", gaps), ("added", added), ("whole", whole)):
            for share in (50, 95, 99):
                told[f"{name}_p{share}"] = round(1000 * float(np.percentile(seconds, share)), 2)
        return told
