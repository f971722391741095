"""The contract of a source: the frames of one stream, one connection after the other."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from stages.frame import Frame


@dataclass(frozen=True, slots=True)
class Demand:
    """Which pictures of a stream anyone will look at, so that the others need no decoding.

    fps    at most so many a second, 0 for none, or None for all
    every  those whose number is a multiple of it; 1 for all. Not together with `fps`
    """

    fps: float | None = None
    every: int = 1

    @property
    def all(self) -> bool:
        """Whether every picture is looked at."""
        return self.fps is None and self.every == 1

    @property
    def none(self) -> bool:
        """Whether no picture is looked at: only the packets are wanted."""
        return self.fps == 0


@dataclass(slots=True)
class SourceStats:
    """What a source counts, for the ledger, the metrics and the report. One thread writes it.

    counts   by name: packets, decoded, spared (left undecoded on purpose), corrupt, bad_packets,
             too_large, no_pixels, pts_repaired, resized, connections
    """

    counts: Counter[str] = field(default_factory=Counter)


class Source(Protocol):
    """One stream's pictures.

    live   the world goes on while we look: it cannot be made to wait, and it comes back after it
           breaks off. A file read as fast as possible is not live.
    stats  what it has counted since it was made
    """

    live: bool
    stats: SourceStats

    def frames(self) -> Iterator[Frame]:
        """Connect, give frames until the source ends, let go of it.

        Runs in a thread of its own and may block, but never longer than the source's stall limit
        without a frame. Ends when a file ends. Called again after a break: `seq` and `pts` go on.
        Closing the iterator lets go of the source.

        raises  SourceLost when trying again may help, SourceRefused when it will not
        """
        ...
