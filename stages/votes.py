"""What each thing in a frame is, as decided by a look at it, or by several looks at its track."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.results import Detections

KEPT_S = 60.0  # seconds for which a track that is not seen is remembered


@dataclass(frozen=True, slots=True)
class Looked:
    """The things of a frame that are to be named.

    things  those of which something can be seen
    rows    which of them are looked at now; the others keep what was voted for
    images  one for each of `rows`: (height, width, 3) uint8, as the model wants its input
    """

    things: Detections
    rows: Sequence[int]
    images: Sequence[NDArray[np.uint8]]


@dataclass(slots=True)
class Ballot:
    """What was seen of one track.

    total  (C,) float32: the sum of what the looks gave for each choice
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

    def tally(
        self,
        looked: Looked,
        looks: Iterator[NDArray[np.float32]],
        otherwise: NDArray[np.float32],
        pts: float,
    ) -> NDArray[np.float32]:
        """What this frame's look gives for each thing, or the mean of all looks at its track.

        looks      (C,) float32 for each of `looked.rows`: no more are taken
        otherwise  (C,) float32, for a thing with neither a look nor a ballot, which was let go of
        pts        of the frame
        returns    (N, C) float32
        """
        rows = np.tile(otherwise, (len(looked.things), 1))
        tracks = looked.things.tracks
        for row in looked.rows:
            rows[row] = next(looks)
            if tracks is not None:
                self._add(int(tracks[row]), rows[row], pts)
        for row, track in enumerate([] if tracks is None else tracks.tolist()):
            if (ballot := self.ballots.get(track)) is not None:
                ballot.seen = pts
                rows[row] = ballot.total / ballot.looks
        self._forget(pts)
        return rows

    def _add(self, track: int, row: NDArray[np.float32], pts: float) -> None:
        ballot = self.ballots.setdefault(track, Ballot(np.zeros_like(row), 0, pts))
        ballot.total = ballot.total + row
        ballot.looks += 1

    def _forget(self, pts: float) -> None:
        """Let go of tracks that have not been seen for a minute."""
        old = [track for track, one in self.ballots.items() if pts - one.seen > KEPT_S]
        for track in old:
            del self.ballots[track]
