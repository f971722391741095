"""Sources whose pictures are made here, one by one: the test card and folders of pictures."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

import structlog

from stages.capture.numbering import Numbering
from stages.capture.options import CaptureOptions
from stages.capture.pace import Pace
from stages.capture.sparing import Sparing, Verdict
from stages.frame import Frame
from stages.lane import Lane
from stages.picture import Picture
from stages.source import Demand, SourceStats

log = structlog.get_logger()

FPS = 25.0
"""Pictures a second where the config does not say."""


class Album(Protocol):
    """Numbered pictures."""

    def __len__(self) -> int:
        """How many there are; they may be shown over and over."""
        ...

    def take(self, number: int, stats: SourceStats) -> Picture | None:
        """Make or read one picture; None, and counted, if it cannot be."""
        ...


class StillSource:
    """Shows an album as a stream. Pictures that nobody looks at are not even made.

    live   shown at their own pace, which does not wait
    stats  see `SourceStats`
    """

    def __init__(
        self, stream: str, album: Album, options: CaptureOptions, demand: Demand, lane: Lane
    ) -> None:
        """Show `album` under the name of `stream`, `options.fps` pictures a second."""
        self.stats = SourceStats()
        self.live = options.pace == "realtime" or (options.pace == "auto" and options.loop)
        self._stream = stream
        self._album = album
        self._loop = options.loop
        self._fps = options.fps or FPS
        self._lane = lane
        self._demand = demand
        self._numbering = Numbering(demand.fps)
        self._sparing = Sparing(demand, intra=True)
        self._pace = Pace()
        self._shown = 0  # pictures of the album that have had their turn, over all rounds

    def frames(self) -> Iterator[Frame]:
        """See `Source.frames`. Called again, it goes on behind the last picture it gave."""
        counts = self.stats.counts
        counts["connections"] += 1
        self._lane.open(None)
        while self._loop or self._shown < len(self._album):
            number, due = self._shown % len(self._album), self._shown / self._fps
            self._shown += 1
            if self.live:
                self._pace.wait(due)
            now = time.monotonic()
            if not (self._lane.pictures or self._wanted(due)):
                counts["spared"] += 1
                self._numbering.skip(due)
                continue
            taken = datetime.now(UTC)
            picture = self._album.take(number, self.stats)
            if picture is not None:
                frame = self._frame(picture, due, now, taken)
                self._lane.show(frame)
                yield frame

    def _wanted(self, due: float) -> bool:
        if self._demand.none:
            return False
        verdict = self._sparing.judge(
            due, 0, number=self._numbering.next, keyframe=True, disposable=True
        )
        return verdict is not Verdict.SPARE

    def _frame(self, picture: Picture, due: float, arrived: float, taken: datetime) -> Frame:
        self.stats.counts["decoded"] += 1
        seq, pts = self._numbering.give(due)
        return Frame(
            stream=self._stream,
            seq=seq,
            pts=pts,
            captured_at=taken,
            arrived=arrived,
            decoded=time.monotonic(),
            picture=picture,
            keyframe=True,
        )
