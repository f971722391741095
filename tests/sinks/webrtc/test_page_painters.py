"""What the page draws for each kind of result, in a real Chromium."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from models.results import Detections, Result
from sinks.schema import KINDS, SAMPLES
from sinks.webrtc.overlay_message import encode
from stages.faces.surface import Surface, write_glb
from stages.overlay import colour_of
from tests.factory import detections
from tests.sinks.webrtc.pages import Modules, modules

AT = datetime(2025, 6, 1, 12, tzinfo=UTC)
PLACES = {"areas": {"door": [[0.1, 0.1], [0.5, 0.1], [0.5, 0.9]]},
          "lines": {"road": [[0.6, 0.9], [0.6, 0.1]]}}  # fmt: skip

# The pixels of a canvas of 640 by 360 on which one message was drawn, by the names of its nodes.
DRAW = """
    const canvas = new OffscreenCanvas(640, 360);
    const context = canvas.getContext("2d");
    const message = m.readMessage(Uint8Array.from(given.bytes).buffer);
    const brush = new m.Brush(context, 640, 360);
    brush.names = given.names;
    brush.alpha(1);
    for (const [node, said] of Object.entries(message.said)) {
      m.PAINTERS[said.kind]?.(brush, node, said, given.places);
    }
    const { data } = context.getImageData(0, 0, 640, 360);
    let drawn = 0;
    for (let n = 3; n < data.length; n += 4) drawn += data[n] > 0;
    const at = ([x, y]) => [...data.slice(4 * (y * 640 + x), 4 * (y * 640 + x) + 4)];
    return { drawn, at: given.at.map(at) };
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Modules]:
    with modules() as found:
        yield found


def drawn(
    page: Modules, said: Mapping[str, Result], *at: tuple[int, int], names: bool = True
) -> tuple[int, list[list[int]]]:
    """How many pixels were drawn on, and those at some places: red, green, blue, opacity."""
    given = {"bytes": list(encode(0.0, AT, 0, said)), "places": PLACES, "at": at, "names": names}
    found = page.run(DRAW, "wire", "brush", "paint/index", **given)
    assert isinstance(found, dict)
    return found["drawn"], found["at"]


def rgb(number: int) -> list[int]:
    return [*reversed(colour_of(number)), 255]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn(page: Modules, kind: str) -> None:
    pixels, _ = drawn(page, {"node": SAMPLES[kind][1]})
    assert pixels > 0


@pytest.mark.parametrize("kind", ["labels", "caption", "motion", "mesh3d"])
def test_what_is_words_only_goes_with_the_words(page: Modules, kind: str) -> None:
    assert drawn(page, {"node": SAMPLES[kind][1]}, names=False)[0] == 0


def test_a_box_has_the_colour_of_its_class(page: Modules) -> None:
    found = detections((0.25, 0.25, 0.75, 0.75), (0.8, 0.5, 0.9, 0.9), classes=[1, 2])
    _, at = drawn(page, {"detect": found}, (160, 100), (512, 190), (320, 180))
    assert at == [rgb(1), rgb(2), [0, 0, 0, 0]]


def test_a_box_has_the_colour_of_its_track_if_it_has_one(page: Modules) -> None:
    found = detections((0.25, 0.25, 0.75, 0.75), classes=[1])
    tracked = Detections(found.boxes, found.scores, found.classes, found.labels,
                         tracks=np.array([16], np.int64))  # fmt: skip
    assert drawn(page, {"follow": tracked}, (160, 100))[1] == [rgb(16)]


def test_boxes_that_are_no_numbers_or_far_outside_harm_nothing(page: Modules) -> None:
    boxes = ((np.nan, 0, 1, 1), (-1e30, -1e30, 1e30, 1e30), (0.25, 0.25, 0.75, 0.75))
    assert drawn(page, {"detect": detections(*boxes)}, (160, 100))[1] == [rgb(0)]


def test_places_are_drawn_before_anybody_counts(page: Modules) -> None:
    script = """
        const context = new OffscreenCanvas(640, 360).getContext("2d");
        const brush = new m.Brush(context, 640, 360);
        brush.alpha(1);
        m.PAINTERS.zones(brush, "zones", undefined, given.places);
        return [...context.getImageData(384, 250, 1, 1).data];
    """
    assert page.run(script, "brush", "paint/index", places=PLACES) == rgb(1)


def test_a_recording_has_what_was_said_of_each_picture(page: Modules) -> None:
    script = """
        const cue = (startTime, node, text) => ({ startTime, text: JSON.stringify(
          { node, kind: "caption", data: { text } }) });
        const said = new m.Recorded([cue(0.04, "a", "one"), cue(0.04, "b", "two"), cue(0.2, "a", "three"),
                                     { startTime: 1, text: "no JSON" }]);
        const words = (ms) => said.of(ms) && [...said.of(ms).said.values()].map(({ data }) => data.text);
        const before = said.before("a", 200);
        return [words(40), words(41), words(43) ?? null, words(200), words(1000) ?? null,
                before.said.data.text, before.age, said.before("a", 40) ?? null];
    """  # noqa: E501
    found = page.run(script, "recorded")
    assert found == [["one", "two"], ["one", "two"], None, ["three"], None, "one", 0.16, None]


def test_a_solid_face_is_read_as_it_was_written(page: Modules, tmp_path: Path) -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    numbers = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    write_glb(tmp_path / "a.glb", Surface(corners, corners, corners, numbers))
    script = """
        const read = m.readGlb(Uint8Array.from(given.bytes).buffer);
        return [read.POSITION, read.NORMAL, read.COLOR_0, read.indices].map((part) => [...part]);
    """
    points, normals, colours, indices = page.run(  # type: ignore[misc]
        script, "glb", bytes=list((tmp_path / "a.glb").read_bytes())
    )
    assert points == normals == colours == corners.ravel().tolist()
    assert indices == numbers.ravel().tolist()


def test_points_in_a_plane_are_joined_without_gaps_and_overlaps(page: Modules) -> None:
    random = np.random.default_rng(5)
    square = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    points = np.vstack([square, random.random((200, 2))])
    flat = np.hstack([points, np.zeros((len(points), 1))]).ravel().tolist()
    found = np.array(page.run("return m.triangulate(given.flat);", "delaunay", flat=flat))
    a, b, c = (points[corner] for corner in found.reshape(-1, 3).T)
    areas = np.cross(np.c_[b - a, np.zeros(len(a))], np.c_[c - a, np.zeros(len(a))])[:, 2] / 2
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(1)
    assert set(found.tolist()) == set(range(len(points)))
