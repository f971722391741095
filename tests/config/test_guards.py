"""A sink that shows pictures waits for the node that says what is to be hidden in them."""

from pathlib import Path

import pytest

from pipeline.config import load_config
from pipeline.config.errors import ConfigError
from pipeline.config.outline import Outline, guards, problems

NODES = [
    Outline("faces", "graph", ("capture",), kind="detect"),
    Outline("privacy", "graph", ("faces",), ("a",), kind="privacy"),
]


def sink(*inputs: str, kind: str = "mp4", unguarded: bool = False) -> Outline:
    return Outline("film", "sinks", inputs, kind=kind, unguarded=unguarded)


def told(film: Outline) -> list[str]:
    return [str(problem) for problem in problems([*NODES, film], ["a", "b"])]


@pytest.mark.parametrize("kind", ["mp4", "mjpeg"])
def test_a_sink_of_pictures_without_the_guard_is_a_mistake(kind: str) -> None:
    assert told(sink("capture", kind=kind)) == [
        "sinks.film.from: wanted 'privacy' among them, which guards the pictures of a, or "
        "`unguarded: true`, got capture"
    ]


@pytest.mark.parametrize(
    "film",
    [
        sink("capture", "privacy"),
        sink("capture", unguarded=True),
        sink("capture", kind="jsonl"),  # shows no pictures
        Outline("film", "sinks", ("capture",), ("b",), kind="mp4"),  # of a stream without a guard
    ],
)
def test_others_are_none(film: Outline) -> None:
    assert told(film) == []


def test_each_stream_of_a_sink_has_its_guards() -> None:
    outlines = [*NODES, sink("capture", "privacy")]
    assert guards(outlines, ["a", "b"]) == {"film": {"a": ("privacy",)}}
    assert guards([*NODES, sink("capture", unguarded=True)], ["a", "b"]) == {}


TEXT = """
streams: { a: testcard }
graph:
  size: { stage: motion }
  privacy: { stage: privacy, from: size }
sinks:
  page: { sink: mjpeg, from: %s }
"""


def test_the_mistake_stands_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(TEXT % "size")
    with pytest.raises(ConfigError, match=r"config.yaml:7:\d+: sinks.page.from: wanted 'privacy'"):
        load_config(path)


def test_a_config_knows_the_guards_of_a_sink(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(TEXT % "[size, privacy]")
    assert load_config(path).guards_of("page") == {"a": ("privacy",)}
    path.write_text(TEXT % "size, unguarded: true")
    assert load_config(path).guards_of("page") == {}
