"""What a track is, as decided by several looks at it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

KEPT_S = 60.0  # seconds for which a track that is not seen is remembered


@dataclass(slots=True)
class Ballot:
    """What was seen of one track.

    total  (C,) float32: the sum of its probabilities
    looks  how many were added
    seen   pts of the last time it was asked for
    """

    total: NDArray[np.float32]
    looks: int
    seen: float


@dataclass(slots=True)
class Votes:
    """The ballots of one stream. A track that has `most` looks needs no more."""

    most: int
    ballots: dict[int, Ballot] = field(default_factory=dict)

    def settled(self, track: int) -> bool:
        """Whether a track has been looked at often enough."""
        ballot = self.ballots.get(track)
        return ballot is not None and ballot.looks >= self.most

    def add(self, track: int, row: NDArray[np.float32], pts: float) -> None:
        """One more look at a track: row (C,) float32, its probabilities."""
        ballot = self.ballots.setdefault(track, Ballot(np.zeros_like(row), 0, pts))
        ballot.total = ballot.total + row
        ballot.looks += 1

    def mean(self, track: int, pts: float) -> NDArray[np.float32] | None:
        """(C,) float32: the mean over all looks; None before the first."""
        ballot = self.ballots.get(track)
        if ballot is None:
            return None
        ballot.seen = pts
        return np.asarray(ballot.total / ballot.looks, np.float32)

    def forget(self, pts: float) -> None:
        """Let go of tracks that have not been seen for a minute."""
        old = [track for track, one in self.ballots.items() if pts - one.seen > KEPT_S]
        for track in old:
            del self.ballots[track]
