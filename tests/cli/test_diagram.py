"""Drawings of a graph."""

import time
import xml.etree.ElementTree as ET
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.diagram import mermaid, svg
from pipeline.diagram.content import drawing
from pipeline.diagram.layers import layers
from tests.config.parts import GOOD, LOOKED_AT, load

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(picture).iter(f"{SVG}text")]


def test_mermaid_has_every_box_and_every_arrow() -> None:
    drawn = mermaid(load(GOOD)).splitlines()
    assert drawn[0] == "flowchart LR"
    assert drawn[1] == '    b0(["<b>lobby</b><br/>clip.mp4"]):::stream'
    assert drawn[3] == (
        '    b2["<b>people</b><br/>look large<br/>at most 5 fps<br/>batches of 4"]:::node'
    )
    arrows = [line.strip() for line in drawn if "-->" in line]
    assert sorted(arrows) == [
        "b0 --> b2", "b1 --> b2", "b2 --> b3", "b2 --> b4", "b3 --> b4",
    ]  # fmt: skip


def test_mermaid_is_not_broken_by_what_is_written_in_a_config() -> None:
    text = """
streams: { a: 'x"] --> b9["<script>#' }
graph: { n: { stage: look, from: capture }, m: { stage: look, from: n, when: 'n."a b" < 1' } }
"""
    drawn = mermaid(load(text))
    assert "x#34;] --#62; b9[#34;#60;script#62;#35;" in drawn
    assert "when n.#34;a b#34; #60; 1" in drawn


def test_svg_is_xml_with_every_name_in_it() -> None:
    picture = svg(load(GOOD))
    shown = texts(picture)
    for name in ("lobby", "door", "people", "hands", "out", "look large", "when people.count > 0"):
        assert name in shown
    assert shown[:3] == ["streams", "graph", "sinks"]
    assert "prefers-color-scheme: dark" in picture


def test_no_secret_is_drawn() -> None:
    text = "streams: { a: '${CAM}', b: 'rtsp://u:geheim@cam/x' }" + LOOKED_AT
    config = load(text, {"CAM": "rtsp://u:hunter2222@cam/x"})
    for drawn in (mermaid(config), svg(config)):
        assert "hunter2222" not in drawn
        assert "geheim" not in drawn
        assert "${CAM}" in drawn


def test_many_streams_that_go_the_same_way_are_one_box() -> None:
    streams = "streams:\n" + "".join(f"  cam-{n}: x\n" for n in range(40)) + "  other: y\n"
    graph = "graph: { a: { stage: look, streams: [other] }, b: { stage: look, from: capture } }\n"
    boxes = drawing(load(streams + graph)).boxes
    assert [box.title for box in boxes] == ["40 streams", "other", "a", "b"]
    assert boxes[0].about == "cam-0 ... cam-39"


SHAPES = st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=25)


@given(SHAPES)
def test_boxes_never_overlap_and_arrows_always_go_right(shape: list[list[int]]) -> None:
    """Each item of `shape` is a box, with arrows from earlier ones."""
    arrows = sorted({(s % i, i) for i, starts in enumerate(shape) if i for s in starts})
    fed = {end for _, end in arrows}
    feeding = {start for start, _ in arrows}
    first = [index not in fed for index in range(len(shape))]
    last = [index in fed and index not in feeding for index in range(len(shape))]
    laid = layers([40.0] * len(shape), arrows, first, last, 10.0)
    column = {id(cell): at for at, cells in enumerate(laid.columns) for cell in cells}
    assert sorted(c.box for cells in laid.columns for c in cells if c.box is not None) == list(
        range(len(shape))
    )
    for cells in laid.columns:
        for above, below in pairwise(cells):
            assert below.y - above.y >= (above.height + below.height) / 2 + 10 - 1e-6
    for (start, end), way in zip(arrows, laid.ways, strict=True):
        assert (way[0].box, way[-1].box) == (start, end)
        assert all(column[id(b)] == column[id(a)] + 1 for a, b in pairwise(way))


def test_a_large_graph_is_drawn_in_reasonable_time() -> None:
    streams = "streams:\n" + "".join(f"  c{n}: x\n" for n in range(50))
    graph = "graph:\n" + "".join(
        f"  n{n}: {{ stage: look, streams: [c{n}] }}\n  m{n}: {{ stage: look, from: n{n} }}\n"
        for n in range(50)
    )
    sinks = "sinks:\n" + "".join(
        f"  s{n}: {{ sink: post, from: [{', '.join(f'm{m}' for m in range(50))}] }}\n"
        for n in range(4)
    )
    began = time.process_time()
    svg(load(streams + graph + sinks))
    assert time.process_time() - began < 3
