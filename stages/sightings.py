"""Tell when a track is lost and when it is found again."""

from dataclasses import dataclass

from models.results import Detections
from stages.events import Event, Value
from stages.frame import Frame
from stages.stage import StageContext

PATIENCE = 3  # frames in a row without a thing, so that a detector's flicker is no event
GRACE_S = 1.0  # seconds for which a track is known here after its tracker has given it up


@dataclass(slots=True)
class _Sighting:
    """When and as what a track was last seen, and in how many frames since it was not."""

    pts: float
    label: str
    missed: int = 0


class Sightings:
    """Announces `track.lost` and `track.found` for the tracks of one stream, about the stream.

    lost_s  how long a track may be found again, in seconds; later it is forgotten
    """

    def __init__(self, lost_s: float, context: StageContext) -> None:
        self._kept = lost_s + GRACE_S
        self._context = context
        self._known: dict[int, _Sighting] = {}

    def look(self, frame: Frame, said: Detections) -> None:
        """One more frame of the stream, and the tracks that are in it."""
        tracks = [] if said.tracks is None else said.tracks.tolist()
        for track, number in zip(tracks, said.classes, strict=True):
            before = self._known.get(track)
            self._known[track] = _Sighting(frame.pts, said.labels[number])
            if before is not None and before.missed >= PATIENCE:
                self._tell("track.found", frame, track, before)
        for track in sorted(self._known.keys() - set(tracks)):
            one = self._known[track]
            one.missed += 1
            if one.missed == PATIENCE:
                self._tell("track.lost", frame, track, one)
            if frame.pts - one.pts > self._kept:
                del self._known[track]

    def _tell(self, name: str, frame: Frame, track: int, last: _Sighting) -> None:
        detail: dict[str, Value] = {
            "node": self._context.node,
            "track": track,
            "label": last.label,
            "away_s": round(frame.pts - last.pts, 3),
        }
        self._context.announce(Event(name, frame.stream, detail))
