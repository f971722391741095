"""Follow things from frame to frame: ByteTrack (arXiv:2110.06864), by the package `trackers`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from models.results import Detections
from stages.errors import BadOptions
from stages.frame import Frame
from stages.sightings import Sightings
from stages.stage import Stage, StageContext, StageOptions
from stages.upstream import fed, things


class TrackOptions(StageOptions):
    """The keys of `stage: track`."""

    score: float = Field(
        0.5, ge=0, le=1, description="Least score of a thing that a new track begins with."
    )
    low: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Things below this score only carry on tracks that nothing surer fits. The "
        "detector before it has to report them.",
    )
    iou: float = Field(0.1, ge=0, le=1, description="Least overlap with where the track should be.")
    confirm: int = Field(
        2, ge=1, description="Frames in a row in which a thing must be seen to become a track."
    )
    lost_s: float = Field(
        1.0,
        ge=0,
        le=3600,
        description="How long a track that is lost may be found again, in seconds.",
    )
    events: bool = Field(
        False,
        description="Announce `track.lost` when a track was not seen in three frames on end, and "
        "`track.found` when it is seen again, both with `away_s`.",
    )


class Track(Stage):
    """The things before it that belong to a track, each with its track's number."""

    Options: ClassVar[type[StageOptions]] = TrackOptions

    def __init__(self, options: TrackOptions, context: StageContext) -> None:
        """Open what follows things.

        raises  BadOptions without a node before it, without the package `trackers`, or if a track
                would begin with less than it goes on with
        """
        self._inputs = fed(context, "that finds things")
        if options.low > options.score:
            raise BadOptions(
                f"{context.node}.low: wanted {options.score:g}, which is `score`, or less, got "
                f"{options.low:g}"
            )
        try:
            import trackers  # noqa: F401, PLC0415 - an extra, and it takes most of a second
        except ModuleNotFoundError as error:
            raise BadOptions(
                f"stage track: wanted the package {error.name}: pip install 'framewire[track]'"
            ) from error
        self._options = options
        self._context = context
        self._streams: dict[str, _Followed] = {}

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections | None]:
        """One `Detections` a frame, with `tracks`; None where nobody has looked for things."""
        return [self._follow(frame) for frame in frames]

    def _follow(self, frame: Frame) -> Detections | None:
        found = things(frame, self._inputs)
        if found is None:
            return None
        followed = self._streams.get(frame.stream)
        if followed is None:
            followed = self._streams[frame.stream] = _Followed(self._options, self._context)
        return followed.follow(found, frame)


class _Followed:
    """The tracks of one stream."""

    def __init__(self, options: TrackOptions, context: StageContext) -> None:
        from trackers import ByteTrackTracker  # noqa: PLC0415 - see Track

        self._tracker = ByteTrackTracker(
            lost_track_buffer=round(options.lost_s * 30),  # it counts in thirtieths of a second
            track_activation_threshold=options.score,
            high_conf_det_threshold=options.low,
            minimum_consecutive_frames=options.confirm,
            minimum_iou_threshold=options.iou,
        )
        self._sightings = Sightings(options.lost_s, context) if options.events else None

    def follow(self, found: Detections, frame: Frame) -> Detections:
        import supervision as sv  # noqa: PLC0415 - see Track

        boxes = found.boxes * np.tile(np.array(frame.picture.size, np.float32), 2)
        usable = np.flatnonzero(np.all(np.isfinite(boxes), axis=1))
        # Its motion model counts in pixels; `class_id` carries each thing's row through it.
        given = sv.Detections(boxes[usable], confidence=found.scores[usable], class_id=usable)
        told = self._tracker.update(given, timestamp=frame.pts)
        rows = np.empty(0, np.int64) if told.class_id is None else told.class_id
        numbers = np.asarray(told.tracker_id, np.int64)
        rows, numbers = rows[numbers >= 0], numbers[numbers >= 0]
        order = np.argsort(rows)
        said = replace(
            found.pick(rows[order].astype(np.int64)),
            tracks=numbers[order] + 1,
            partial=found.partial or len(usable) < len(found),
        )
        if self._sightings is not None:
            self._sightings.look(frame, said)
        return said
