"""docs/events.md and its table hold every name that the code announces, and no other."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from stages.event_table import EVENTS, filled
from stages.events import Event
from stages.stage import StageContext
from stages.zones import CountZones, ZonesOptions
from tests.factory import detections, grey_frame

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "events.md"
NAME = re.compile(r"(?!pipeline|sinks|stages|models)[a-z]+\.[a-z]+")  # not a module's


def announcers() -> Iterator[ast.Module]:
    """The modules that make events."""
    for package in ("stages", "sinks", "pipeline"):
        for file in sorted((ROOT / package).rglob("*.py")):
            text = file.read_text("utf-8")
            if "import Event" in text and file.name not in {"wire.py", "schema.py"}:
                yield ast.parse(text)


def modules() -> Iterator[ast.Module]:
    """All modules but the table."""
    for package in ("stages", "sinks", "pipeline"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if file.name != "event_table.py":
                yield ast.parse(file.read_text("utf-8"))


def names() -> set[str]:
    """All texts that have the form of an event's name, and begin as one that is announced does."""
    announced = texts(announcers())
    begins = {name.split(".")[0] for name in announced}
    return announced | {name for name in texts(modules()) if name.split(".")[0] in begins}


def texts(modules: Iterator[ast.Module]) -> set[str]:
    return {
        node.value
        for module in modules
        for node in ast.walk(module)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and NAME.fullmatch(node.value)
    }


def literal_events() -> Iterator[tuple[str, set[str]]]:
    """Name and keys of the detail, where both are written out in the call."""
    for module in announcers():
        for node in ast.walk(module):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Event"):
                continue
            name, *rest = node.args
            if isinstance(name, ast.Constant):
                detail = rest[1] if len(rest) > 1 else ast.Dict([], [])
                if isinstance(detail, ast.Dict):
                    yield str(name.value), {key.value for key in detail.keys}  # type: ignore[union-attr,misc]


def test_every_name_in_the_code_is_in_the_table_and_the_other_way_round() -> None:
    assert names() == set(EVENTS)


def test_the_table_tells_the_keys_of_what_is_announced() -> None:
    told = dict(literal_events())
    assert len(told) >= 8
    assert {name: set(EVENTS[name].detail) for name in told} == told


def test_the_page_is_made_from_the_table() -> None:
    page = PAGE.read_text("utf-8")
    assert page == filled(page), "run: python -m stages.event_table docs/events.md"


def test_zones_tell_what_the_table_says() -> None:
    told = list[Event]()
    options = ZonesOptions(
        areas={"yard": ((0.4, 0), (0.6, 0), (0.6, 1), (0.4, 1))},
        lines={"gate": ((0.5, 0), (0.5, 1))},
    )
    zones = CountZones(options, StageContext("zones", inputs=("track",), announce=told.append))
    for seq, x in enumerate((0.1, 0.45, 0.7)):
        frame = grey_frame(seq)
        seen = detections((x - 0.02, 0.4, x + 0.02, 0.5))
        frame.say("track", replace(seen, tracks=np.array([1], np.int64)))
        zones.run([frame])
    assert {event.name for event in told} == {"zone.entered", "zone.left", "line.crossed"}
    for event in told:
        assert set(event.detail) == set(EVENTS[event.name].detail)
