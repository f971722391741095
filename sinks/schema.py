"""The tables and examples of `docs/schema.md`, made from the code that writes the messages.

`python -m sinks.schema docs/schema.md` puts them between the page's markers.
"""

import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import get_type_hints

import msgspec
import numpy as np

from models.results import (
    Caption,
    Detections,
    FaceMesh,
    Labels,
    Mesh3d,
    Motion,
    Region,
    Result,
    Segmentation,
    Veil,
    Zones,
)
from sinks.wire import EventMessage, Message, ResultMessage, event_message, result_message
from stages.colour import Colour
from stages.events import Event
from stages.frame import Frame
from stages.picture import Picture

KINDS: dict[str, Mapping[str, str]] = {
    "detections": {
        "boxes": "One `[x1, y1, x2, y2]` a thing, in [0, 1] of the source picture, not clipped.",
        "scores": "How sure the model is of each, in [0, 1].",
        "classes": "The number of each thing's class in the model's list.",
        "labels": "The name of each thing's class.",
        "points": "The key points `[x, y]` of each thing, such as a face's eyes, nose and mouth; "
        "`null` if the model knows none.",
        "masks": "Which part of its box each thing fills: run lengths of a small grid over the box "
        "in COCO's compressed form, `{size: [rows, columns], counts}`; `null` if the model gives "
        "none.",
        "tracks": "The number of each thing's track, from 1, never given twice in a stream; `null` "
        "without a `track` node before.",
        "distances": "How far each thing is from what its class was learnt from, such as a face "
        "from the nearest of its name; `null` where that is not measured.",
    },
    "segmentation": {
        "classes": "The number of each class that is in the picture, but for the first, which is "
        "nothing in particular.",
        "labels": "The name of each of them.",
        "shares": "Which share of the picture each covers, in [0, 1].",
        "masks": "Where each is: run lengths of a grid over the whole picture in COCO's compressed "
        "form, `{size: [rows, columns], counts}`.",
        "regions": "Each connected piece of a class, the largest first: its `class`, `label` and "
        "`share`, its `contour` and its `tip` (the point of the contour farthest from the edge "
        "that it enters by, `null` if it is near none), both `[x, y]` in [0, 1] of the source "
        "picture; `null` without `regions: true`.",
    },
    "face_mesh": {
        "points": "The points `[x, y, z]` of each face: x and y in [0, 1] of the source picture, z "
        "in the unit of x, less is nearer to the camera.",
        "scores": "How sure it is that each is a face, in [0, 1].",
    },
    "mesh3d": {
        "boxes": "The box `[x1, y1, x2, y2]` of each thing that was given a shape, in [0, 1] of "
        "the source picture, not clipped.",
        "vertices": "How many points each shape has.",
        "triangles": "How many triangles.",
        "files": "The files that each was written to, on the machine that runs the graph; the "
        "oldest are deleted.",
    },
    "zones": {
        "areas": "The names of the areas.",
        "counts": "How many things are in each area now.",
        "lines": "The names of the lines.",
        "in": "How many things have crossed each line inwards since the beginning: from left to "
        "right, seen from the line's first end to its second.",
        "out": "How many have crossed it the other way.",
    },
    "labels": {
        "scores": "How sure the model is of each class, in [0, 1], the surest first.",
        "classes": "The number of each class in the model's list.",
        "labels": "The name of each class.",
    },
    "caption": {
        "text": "The likeliest sentence, words parted by a space; empty if nothing was said.",
        "score": "How sure the model is: the geometric mean of its words' probabilities.",
        "alternatives": "The other sentences that the search kept, each with `text` and `score`.",
    },
    "motion": {
        "share": "How much of the picture has changed since the last one that went through, in "
        "[0, 1].",
    },
    "veil": {
        "boxes": "One `[x1, y1, x2, y2]` a part that nobody is to see, in [0, 1] of the source "
        "picture, not clipped.",
        "whole": "All of the picture is to be hidden.",
        "how": "`blur` or `pixelate`.",
        "strength": "The side of a block, or twice the deviation of the blur, as a share of the "
        "longer side of what is hidden.",
    },
}
"""The keys of `data` in each kind of result; whoever adds a result adds its keys here."""

WORDS = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}

TAKEN = datetime(2025, 6, 1, 12, 0, 0, 480_000, tzinfo=UTC)
PUBLISHED = datetime(2025, 6, 1, 12, 0, 0, 507_250, tzinfo=UTC)
RUN = "20250601T115959-3f9a1c"

SAMPLES: dict[str, tuple[str, Result]] = {
    "detections": (
        "detect",
        Detections(
            boxes=np.array([[0.125, 0.25, 0.375, 0.875], [0.5, 0.5, 0.75, 0.6875]], np.float32),
            scores=np.array([0.9375, 0.5], np.float32),
            classes=np.array([0, 2], np.int64),
            labels=("person", "bicycle", "car"),
        ),
    ),
    "segmentation": (
        "segment",
        Segmentation(
            np.array([[0, 0, 1, 1], [0, 0, 1, 1]], np.uint8),
            ("background", "road"),
            (
                Region(
                    1,
                    0.5,
                    np.array(
                        [[0.625, 0.25], [0.625, 0.75], [0.875, 0.75], [0.875, 0.25]], np.float32
                    ),
                    np.array([0.625, 0.25], np.float32),
                ),
            ),
        ),
    ),
    "face_mesh": (
        "mesh",
        FaceMesh(np.array([[[0.5, 0.5, -0.0625]]], np.float32), np.array([0.75], np.float32)),
    ),
    "mesh3d": (
        "face3d",
        Mesh3d(
            boxes=np.array([[0.125, 0.25, 0.375, 0.875]], np.float32),
            vertices=np.array([31204], np.int64),
            triangles=np.array([62404], np.int64),
            files=(("out/faces3d/lobby-00000012-0.glb",),),
        ),
    ),
    "zones": (
        "zones",
        Zones(
            areas=("door",),
            counts=np.array([2], np.int64),
            lines=("road",),
            crossed=np.array([[5, 3]], np.int64),
            polygons=(np.array([[0, 0], [1, 0], [1, 1]], np.float32),),
            segments=np.array([[[0, 0.5], [1, 0.5]]], np.float32),
        ),
    ),
    "labels": (
        "classify",
        Labels(
            scores=np.array([0.75, 0.125], np.float32),
            classes=np.array([1, 0], np.int64),
            labels=("tabby", "tiger cat"),
        ),
    ),
    "caption": (
        "caption",
        Caption("a dog runs", 0.625, (("a dog on grass", 0.5), ("a cat runs", 0.25))),
    ),
    "motion": ("motion", Motion(0.0625)),
    "veil": ("privacy", Veil(np.array([[0.125, 0.25, 0.375, 0.875]], np.float32))),
}
"""The node and the result of each example, in numbers that binary floating point holds exactly."""


def sample(kind: str) -> ResultMessage:
    """The example of a message of `kind`."""
    frame = Frame(
        stream="lobby",
        seq=12,
        pts=0.48,
        captured_at=TAKEN,
        arrived=0.0,
        decoded=0.0,
        picture=Picture((np.zeros((720, 1280), np.uint8),), Colour()),
    )
    node, result = SAMPLES[kind]
    frame.say(node, result)
    return result_message(frame, node, PUBLISHED, monotonic=0.02725, run=RUN, number=10)


def sample_event() -> EventMessage:
    """The example of an event."""
    event = Event("source.back", "lobby", {"away_s": 3.25}, TAKEN)
    return event_message(event, run=RUN, number=1)


def blocks() -> dict[str, str]:
    """The generated parts of the page, by the names of their markers."""
    made = {
        "result fields": _table(_fields(sample("detections"))),
        "event fields": _table(_fields(sample_event())),
        "event example": _fenced(sample_event()),
    }
    for kind, keys in KINDS.items():
        example = sample(kind)
        rows = [(name, _word(example.data[name]), text) for name, text in keys.items()]
        made[f"{kind} fields"] = _table(rows)
        made[f"{kind} example"] = _fenced(example)
    return made


def filled(page: str) -> str:
    """`page` with all its generated parts made anew. Raises KeyError at an unknown marker."""
    made = blocks()
    return re.sub(
        r"(<!-- begin: (.+?) -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}{made[found[2]]}\n{found[3]}",
        page,
        flags=re.DOTALL,
    )


def _fields(example: Message) -> list[tuple[str, str, str]]:
    hints = get_type_hints(type(example), include_extras=True)
    described = {name: hint.__metadata__[-1].description for name, hint in hints.items()}
    return [(name, _word(getattr(example, name)), text) for name, text in described.items()]


def _word(value: object) -> str:
    if value is None:
        return "array or null"
    if not isinstance(value, list):
        return WORDS[type(value)]
    inside = _word(value[0])
    return "array of " + (inside.replace("array", "arrays") if "array" in inside else f"{inside}s")


def _table(rows: list[tuple[str, str, str]]) -> str:
    lines = ["| field | type | meaning |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {kind} | {text} |" for name, kind, text in rows)])


def _fenced(message: Message) -> str:
    text = msgspec.json.format(msgspec.json.encode(message)).decode()
    short = re.sub(
        r"\[\s+([^][{}]*?)\s+\]", lambda found: "[" + " ".join(found[1].split()) + "]", text
    )
    return f"```json\n{short}\n```"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(filled(path.read_text("utf-8")), "utf-8")
