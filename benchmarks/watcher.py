"""Somebody who watches a stream, and notes when each picture could be sent."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sinks.video import Video
from stages.lane import Packet


@dataclass
class Watcher:
    """What was seen: of each picture, monotonic seconds.

    at     when the event loop had it, coded, to send it to a viewer
    added  since its packet had come in: decoded, encoded and handed over, where that is done
    """

    at: list[float] = field(default_factory=list)
    added: list[float] = field(default_factory=list)

    async def look(self, video: Video, enough: Callable[[], bool] = lambda: False) -> None:
        """Until it has seen enough, or is cancelled."""
        loop, more = asyncio.get_running_loop(), asyncio.Event()

        def note(packet: Packet) -> None:
            now = time.monotonic()
            self.at.append(now)
            self.added.append(now - packet.arrived)
            more.set()

        subscription = video.attach(lambda packet: loop.call_soon_threadsafe(note, packet))
        try:
            while not enough():
                await more.wait()
                more.clear()
        finally:
            subscription.close()

    def figures(self, after: float) -> dict[str, float]:
        """Pictures a second, and milliseconds, without those of the first so many seconds."""
        at = np.array(self.at)
        late = at >= at[0] + after
        told = {"pictures": float(late.sum()), "fps": float((late.sum() - 1) / np.ptp(at[late]))}
        for name, seconds in (("gap", np.diff(at[late])), ("added", np.array(self.added)[late])):
            for share in (50, 95, 99):
                told[f"{name}_p{share}"] = round(1000 * float(np.percentile(seconds, share)), 2)
        return told
