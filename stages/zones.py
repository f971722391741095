"""Count tracked things in areas and over lines, and tell when they come and go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.results import Detections, Zones
from stages.errors import BadOptions
from stages.events import Event, Value
from stages.frame import Frame
from stages.shapes import Line, Place, Polygon, within
from stages.stage import Stage, StageContext, StageOptions
from stages.upstream import fed, things

SLACK = 0.01
"""Of the picture: nearer to a line a thing is on no side yet, so that the jitter of a box counts
nothing."""


class ZonesOptions(StageOptions):
    """The keys of `stage: zones`."""

    areas: dict[str, Polygon] = Field(
        {}, description="Polygons by name: corners `[x, y]` in [0, 1] of the picture."
    )
    lines: dict[str, Line] = Field(
        {},
        description="Lines by name: two ends `[x, y]` in [0, 1]. Seen from the first end to the "
        "second, a thing that goes from left to right crosses inwards.",
    )
    anchor: Literal["bottom", "centre"] = Field(
        "bottom", description="Which point of its box says where a thing is."
    )
    lost_s: float = Field(
        1.0, ge=0, description="A thing that was not seen for so long has left, in seconds."
    )


@dataclass(slots=True)
class _Thing:
    """What is known of one track.

    seen      pts at which it was last seen
    label     its class then
    inside    by area: pts at which it came in
    settled   by line: the side on which it last was for sure, -1 or 1, and where it was then
    """

    seen: float
    label: str
    inside: dict[str, float] = field(default_factory=dict)
    settled: dict[str, tuple[int, Place]] = field(default_factory=dict)


@dataclass(slots=True)
class _Scene:
    """What is known of one stream."""

    crossed: NDArray[np.int64]
    things: dict[int, _Thing] = field(default_factory=dict)


class CountZones(Stage):
    """How many tracked things are in each area, and how many have crossed each line.

    Announces `zone.entered`, `zone.left` (with `dwell_s`) and `line.crossed` (with `direction`),
    each about the stream, with the node, the name of the place, the track and its label.
    """

    Options: ClassVar[type[StageOptions]] = ZonesOptions

    def __init__(self, options: ZonesOptions, context: StageContext) -> None:
        """Raises BadOptions without a node before it, or without a place to look at."""
        self._inputs = fed(context, "with tracks")
        if not options.areas and not options.lines:
            raise BadOptions(f"{context.node}: wanted `areas` or `lines`, got neither")
        self._context = context
        self._down = 1.0 if options.anchor == "bottom" else 0.5
        self._lost = options.lost_s
        self._areas = {name: np.array(p, np.float32) for name, p in options.areas.items()}
        self._lines = {name: np.array(p, np.float32) for name, p in options.lines.items()}
        ends = np.array(list(self._lines.values()), np.float32)
        self._segments = ends.reshape(-1, 2, 2)
        self._scenes: dict[str, _Scene] = {}

    def run(self, frames: Sequence[Frame]) -> Sequence[Zones | None]:
        """One `Zones` a frame; None where no tracks were looked for.

        raises  BadOptions where the last node before it finds things, and gives them no tracks
        """
        return [self._look(frame) for frame in frames]

    def _look(self, frame: Frame) -> Zones | None:
        found = things(frame, self._inputs)
        if found is None:
            return None
        if found.tracks is None:
            if found is not frame.results.get(self._inputs[-1]):
                return None  # whose tracks were looked for, but not in this frame
            raise BadOptions(
                f"{self._context.node}: wanted a node with tracks as the last of `from`, got "
                f"{self._inputs[-1]}, which gives none"
            )
        scene = self._scenes.get(frame.stream)
        if scene is None:
            crossed = np.zeros((len(self._lines), 2), np.int64)
            scene = self._scenes[frame.stream] = _Scene(crossed)
        places = self._places(found)
        for track, place in places.items():
            self._moved(frame, scene, track, place)
        self._forget(frame, scene)
        counts = [sum(name in t.inside for t in scene.things.values()) for name in self._areas]
        return Zones(
            tuple(self._areas), np.array(counts, np.int64), tuple(self._lines),
            scene.crossed.copy(), tuple(self._areas.values()), self._segments,
        )  # fmt: skip

    def _places(self, found: Detections) -> Mapping[tuple[int, str], Place]:
        assert found.tracks is not None
        x = (found.boxes[:, 0] + found.boxes[:, 2]) / 2
        y = found.boxes[:, 1] + (found.boxes[:, 3] - found.boxes[:, 1]) * self._down
        return {
            (int(track), found.labels[label]): (float(px), float(py))
            for track, label, px, py in zip(found.tracks, found.classes, x, y, strict=True)
            if np.isfinite(px) and np.isfinite(py)
        }

    def _moved(self, frame: Frame, scene: _Scene, track: tuple[int, str], place: Place) -> None:
        number, label = track
        thing = scene.things.setdefault(number, _Thing(frame.pts, label))
        thing.seen, thing.label = frame.pts, label
        for name, polygon in self._areas.items():
            inside = within(polygon, place)
            if inside and name not in thing.inside:
                thing.inside[name] = frame.pts
                self._tell("zone.entered", frame.stream, name, number, label)
            elif not inside and name in thing.inside:
                self._leave(frame.stream, name, number, thing)
        for index, (name, line) in enumerate(self._lines.items()):
            far = _distance(line, place)
            if abs(far) < SLACK:
                continue
            side, before = (1 if far > 0 else -1), thing.settled.get(name)
            thing.settled[name] = (side, place)
            if before is not None and before[0] != side and _meet(line, before[1], place):
                scene.crossed[index, 0 if side > 0 else 1] += 1
                direction = "in" if side > 0 else "out"
                self._tell("line.crossed", frame.stream, name, number, label, direction=direction)

    def _forget(self, frame: Frame, scene: _Scene) -> None:
        for number, thing in list(scene.things.items()):
            if frame.pts - thing.seen > self._lost:
                for name in list(thing.inside):
                    self._leave(frame.stream, name, number, thing)
                del scene.things[number]

    def _leave(self, stream: str, name: str, number: int, thing: _Thing) -> None:
        dwell = round(thing.seen - thing.inside.pop(name), 3)
        self._tell("zone.left", stream, name, number, thing.label, dwell_s=dwell)

    def _tell(
        self, event: str, stream: str, place: str, track: int, label: str,
        dwell_s: float | None = None, direction: str | None = None,
    ) -> None:  # fmt: skip
        told: dict[str, Value] = {"dwell_s": dwell_s, "direction": direction}
        more = {name: value for name, value in told.items() if value is not None}
        about: dict[str, Value] = {
            "node": self._context.node,
            "place": place,
            "track": track,
            "label": label,
        }
        self._context.announce(Event(event, stream, {**about, **more}))


def _distance(line: NDArray[np.float32], place: Place) -> float:
    """How far a place is from a line that goes on for ever; to the right of it is positive."""
    (ax, ay), (bx, by) = line.tolist()
    across = (bx - ax) * (place[1] - ay) - (by - ay) * (place[0] - ax)
    return float(across / max(np.hypot(bx - ax, by - ay), 1e-9))


def _meet(line: NDArray[np.float32], start: Place, end: Place) -> bool:
    """Whether the way between two places on two sides of a line passes between its ends."""
    way = np.array([start, end], np.float32)
    first, second = (_distance(way, (float(x), float(y))) for x, y in line)
    return first * second <= 0
