"""The latest state of each stream and node: a few numbers of its last result, as JSON."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from models.results import (
    Caption,
    Detections,
    FaceMesh,
    Labels,
    Mesh3d,
    Motion,
    Result,
    Segmentation,
    Zones,
)

State = Mapping[str, object]
Subject = tuple[str, str]  # stream and node

REFRESH_S = 20.0
"""A state is told again after so long, though it is the same: who reads it sees that it lives."""
LONGEST = 255  # characters of a state in Home Assistant


def summary(result: Result) -> State | None:  # noqa: PLR0911 - one for each kind
    """What is told of a result; None if there is nothing to tell of its kind."""
    match result:
        case Detections():
            return _things(len(result), Counter(result.labels[number] for number in result.classes))
        case FaceMesh() | Mesh3d():
            return _things(int(result.measure("count")), Counter())
        case Zones():
            return {
                "areas": dict(zip(result.areas, result.counts.tolist(), strict=True)),
                "in": dict(zip(result.lines, result.crossed[:, 0].tolist(), strict=True)),
                "out": dict(zip(result.lines, result.crossed[:, 1].tolist(), strict=True)),
            }
        case Labels():
            if not len(result.classes):
                return None
            label = result.labels[int(result.classes[0])]
            return {"label": label[:LONGEST], "score": round(float(result.scores[0]), 2)}
        case Caption():
            return {"text": result.text[:LONGEST]}
        case Motion():
            return {"share": round(result.share, 2)}
        case Segmentation():
            shares = zip(result.labels, result.shares().tolist(), strict=True)
            return {"shares": {name: round(share, 3) for name, share in shares if share}}
        case _:
            return None


def _things(count: int, classes: Mapping[str, int]) -> State:
    return {"count": count, "present": count > 0, "classes": dict(classes)}


@dataclass(slots=True)
class _Told:
    """What was last told of a subject, and when, on the monotonic clock."""

    payload: bytes
    at: float


class States:
    """Keeps the last result of each subject, and says what of it is news."""

    def __init__(self) -> None:
        """Nothing has been seen."""
        self._new: dict[Subject, Result] = {}
        self._last: dict[Subject, Result] = {}
        self._told: dict[Subject, _Told] = {}

    def note(self, stream: str, node: str, result: Result) -> None:
        """Remember a result; cheap, for it is called for each."""
        self._new[stream, node] = result

    def news(self, now: float) -> Iterator[tuple[Subject, State, bytes]]:
        """The states that have changed, or were not told for REFRESH_S and came again.

        now  on the monotonic clock
        """
        new, self._new = self._new, {}
        self._last |= new
        for subject, result in new.items():
            state = summary(result)
            if state is None:
                continue
            payload = msgspec.json.encode(state)
            told = self._told.get(subject)
            if told is None or told.payload != payload or now - told.at >= REFRESH_S:
                self._told[subject] = _Told(payload, now)
                yield subject, state, payload

    def forget(self) -> None:
        """Who was told has gone: all is news again."""
        self._told.clear()
        self._new = self._last | self._new
