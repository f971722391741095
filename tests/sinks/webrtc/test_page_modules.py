"""The modules of the page, in a real Chromium."""

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

from models.results import Caption, FaceMesh, rle
from pipeline.ledger import Balance
from sinks.webrtc.overlay_message import encode
from stages.overlay import PALETTE, colour_of, ink_on
from stages.overlay.canvas import DARK
from stages.overlay.face_mesh import LINES
from tests.factory import detections
from tests.sinks.webrtc.pages import Modules, modules

READ = """
    const message = m.readMessage(Uint8Array.from(given.bytes).buffer);
    const plain = (value) => {
      if (value instanceof m.Floats) return { shape: value.shape, values: [...value.values] };
      if (Array.isArray(value)) return value.map(plain);
      if (value === null || typeof value !== "object") return value;
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
    };
    return plain(message);
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Modules]:
    with modules() as found:
        yield found


def bytes_of(**said: object) -> list[int]:
    at = datetime(2025, 6, 1, 12, tzinfo=UTC)
    return list(encode(2.5, at, 7, said))  # type: ignore[arg-type]


def test_a_message_is_read_as_the_sink_wrote_it(page: Modules) -> None:
    faces = FaceMesh(np.full((1, 468, 3), 0.5, np.float32), np.array([0.75], np.float32))
    sent = bytes_of(
        detect=detections((0.5, 0.25, 1.0, 0.75), scores=[0.5], classes=[2]),
        mesh=faces,
        caption=Caption("ein Hündchen läuft", 0.5, ()),
    )
    read = page.run(READ, "wire", bytes=sent)
    assert isinstance(read, dict)
    assert (read["v"], read["rtp"], read["seq"], read["pts"]) == (1, 225_000, 7, 2.5)
    assert read["at"] == datetime(2025, 6, 1, 12, tzinfo=UTC).timestamp() * 1e3
    found = read["said"]["detect"]
    assert found["kind"] == "detections"
    assert found["data"]["boxes"] == {"shape": [1, 4], "values": [0.5, 0.25, 1.0, 0.75]}
    assert found["data"]["scores"] == {"shape": [1], "values": [0.5]}
    assert found["data"]["classes"] == [2]
    assert found["data"]["labels"] == ["car"]
    assert found["data"]["masks"] is None
    assert read["said"]["mesh"]["data"]["points"]["shape"] == [1, 468, 3]
    assert read["said"]["mesh"]["data"]["points"]["values"] == [0.5] * (468 * 3)
    assert read["said"]["caption"]["data"]["text"] == "ein Hündchen läuft"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ([], "wanted msgpack"),
        ([0x81, 0xA1], "wanted msgpack"),
        ([0x81, 0xA1, 0x76, 0x02], "v: wanted 1, got 2"),
        ([0xC0], "v: wanted 1"),
        ([0x81, 0xA1, 0x76, 0x01], "rtp: wanted a number"),
        ([0xC7, 0x03, 0x01, 0x01, 0x00, 0x02], "wanted 11 bytes, got 3"),
        ([0xC7, 0x01, 0x01, 0x00], "wanted dimensions"),
        ([0xDD, 0xFF, 0xFF, 0xFF, 0xFF], "wanted msgpack"),
    ],
)
def test_bytes_that_are_no_message_are_refused(page: Modules, sent: list[int], why: str) -> None:
    script = """
        try { m.readMessage(Uint8Array.from(given.bytes).buffer); }
        catch (error) { return [error instanceof m.BadMessage, error.message]; }
    """
    refused, said = page.run(script, "wire", bytes=sent)  # type: ignore[misc]
    assert refused
    assert why in said


def test_masks_are_read_as_coco_reads_them(page: Modules) -> None:
    random = np.random.default_rng(3)
    masks = [random.random((rows, columns)) < share
             for rows, columns, share in ((28, 28, 0.5), (1, 7, 0.3), (90, 160, 0.02), (5, 3, 1.1),
                                          (4, 6, -1))]  # fmt: skip
    masks.append(np.hypot(*np.mgrid[-1:1:200j, -1:1:150j]) < 0.7)
    sent = [dict(rle.encode(mask)) for mask in masks]
    script = "return given.masks.map((mask) => [...m.decodeMask(mask).cells]);"
    read = page.run(script, "rle", masks=sent)
    assert read == [mask.astype(int).ravel().tolist() for mask in masks]


@pytest.mark.parametrize(
    "mask",
    [
        {"size": [2, 2], "counts": "9"},
        {"size": [2, 2], "counts": "\u00ff"},
        {"size": [2, 2], "counts": "ooooooooooo"},
        {"size": [90000, 90000], "counts": "0"},
        {"size": [-1, 4], "counts": "04"},
    ],
)
def test_a_mask_that_is_none_is_refused(page: Modules, mask: dict[str, object]) -> None:
    script = "try { m.decodeMask(given.mask); } catch (error) { return error.message; }"
    assert page.run(script, "rle", mask=mask)


def areas(page: Modules, mask: np.ndarray) -> list[float]:
    """What each loop of a mask's outline encloses, in cells; less than 0 for a hole."""
    script = """
        const { size: [rows, columns] } = given.mask;
        const area = (loop) => loop.reduce((sum, [x, y], n) => {
          const [a, b] = loop[(n + 1) % loop.length];
          return sum + (x * b - a * y) / 2;
        }, 0);
        return m.loops(m.decodeMask(given.mask)).map((loop) => area(loop) * rows * columns).sort();
    """
    found = page.run(script, "rle", "outline", mask=dict(rle.encode(mask)))
    assert isinstance(found, list)
    return sorted(found)


def test_the_outline_of_a_mask_goes_around_its_cells_and_its_holes(page: Modules) -> None:
    ring = np.zeros((10, 12), bool)
    ring[1:9, 2:10] = True
    assert areas(page, ring) == pytest.approx([8 * 8 - 0.5], abs=0.01)  # its corners are cut
    ring[4:6, 5:7] = False
    hole, whole = areas(page, ring)
    assert whole == pytest.approx(63.5, abs=0.01)
    assert hole == pytest.approx(-3.5, abs=0.01)


def test_cells_that_touch_at_a_corner_stay_apart(page: Modules) -> None:
    assert areas(page, np.eye(2, dtype=bool)) == pytest.approx([0.5, 0.5], abs=0.01)


def test_an_empty_mask_has_no_outline(page: Modules) -> None:
    assert areas(page, np.zeros((4, 4), bool)) == []


def test_colours_are_those_of_burned_overlays(page: Modules) -> None:
    script = """
        const numbers = given.numbers.map(m.colourOf);
        return { numbers, inks: m.PALETTE.map((colour) => m.inkOn(colour) === m.DARK) };
    """
    numbers = [*range(len(PALETTE)), 12, 25, 1203]
    found = page.run(script, "palette", numbers=numbers)
    hexed = ["#" + bytes(reversed(colour_of(n))).hex() for n in numbers]
    assert found == {"numbers": hexed, "inks": [ink_on(colour) == DARK for colour in PALETTE]}


def test_a_faces_lines_are_those_of_burned_overlays(page: Modules) -> None:
    found = page.run("return m.LINES;", "paint/face_mesh")
    assert found == [{"colour": colour, "points": list(points)} for points, colour in LINES]


def test_what_several_nodes_say_about_a_picture_comes_together(page: Modules) -> None:
    script = """
        const moments = new m.Moments(3);
        const word = (rtp, node) =>
          moments.put({ rtp, seq: 1, at: 2, pts: 3, said: node ? { [node]: { kind: "labels", data: {} } } : {} }, 0);
        word(100, "a"); word(100, null); word(100, "b");
        for (const rtp of [200, 300]) word(rtp, "a");
        const before = [...moments.of(100).said.keys()];
        word(400, "b");
        return { before, forgotten: moments.of(100) === undefined, never: moments.of(101) === undefined,
                 kept: moments.pictures.size, older: moments.before("a", 400).age * 90000 };
    """  # noqa: E501
    found = page.run(script, "moments")
    assert found == {
        "before": ["a", "b"], "forgotten": True, "never": True, "kept": 3, "older": 100
    }  # fmt: skip


def test_a_result_of_a_later_picture_is_not_shown_as_an_older_one(page: Modules) -> None:
    script = """
        const moments = new m.Moments();
        const said = { a: { kind: "caption", data: {} } };
        moments.put({ rtp: 500, seq: 1, at: 2, pts: 3, said }, 0);
        return [moments.before("a", 499) ?? null, moments.before("a", 500) ?? null];
    """
    assert page.run(script, "moments") == [None, None]


def test_ages_go_on_when_the_rtp_clock_begins_again(page: Modules) -> None:
    script = "return [m.between(0xffffffff - 44999, 45000), m.between(90000, 0)];"
    assert page.run(script, "moments") == [1.0, -1.0]


def test_pictures_wait_for_a_node_that_is_late_and_not_for_one_that_seldom_speaks(
    page: Modules,
) -> None:
    script = """
        const pace = new m.Pace();
        for (let n = 0; n < 60; n++) {
          pace.pictures += 1;
          pace.note("detect", 120);
          pace.note("quick", 4);
          if (n % 10 === 0) pace.note("caption", 700);
        }
        const waits = [pace.wait(["quick"], 0), pace.wait(["quick", "detect", "caption"], 0)];
        return [...waits, ...[1000, 3000, 7000].map((now) => pace.wait(["quick"], now))];
    """
    assert page.run(script, "pace") == [0, 135, 135, 135, 0]


def test_the_clocks_differ_by_what_the_quickest_answer_says(page: Modules) -> None:
    script = """
        const clock = new m.Clock();
        const before = clock.best;
        const at = (ms) => performance.timeOrigin + ms;
        clock.note(at(1000) + 5000 + 300, 900, 1700);
        clock.note(at(2000) + 5000, 1999, 2001);
        const delays = new m.Delays();
        for (let n = 0; n < 10; n++) delays.note(at(3000) + 5000, 3000 + 10 * n, clock.best.offset);
        return [before, Math.round(clock.best.offset), clock.best.trip, Math.round(delays.at(0.5))];
    """
    assert page.run(script, "latency") == [None, 5000, 2, 50]


def test_tiles_are_as_large_as_they_can_be(page: Modules) -> None:
    script = "return given.of.map(([count, width, height]) => m.columns(count, width, height));"
    of = [[1, 1400, 800], [2, 1400, 800], [4, 1400, 800], [9, 1400, 800], [16, 1400, 800],
          [2, 800, 1200], [4, 390, 800], [16, 390, 800]]  # fmt: skip
    assert page.run(script, "stage", of=of) == [1, 2, 2, 3, 4, 1, 1, 2]


def test_what_the_config_leaves_out_is_not_lost(page: Modules) -> None:
    dropped = {"fps": 20, "every": 1, "when": 3, "upstream": 4, "full": 5, "age": 6, "replaced": 7}
    assert page.run("return m.lost(given.dropped)", "graph", dropped=dropped) == 18
    assert Balance(46, 0, dropped, {}, 0).lost == 18


def test_a_graph_is_laid_out_from_its_sources_to_its_sinks(page: Modules) -> None:
    nodes = [
        {"name": "view", "inputs": ["capture", "track"]},
        {"name": "capture", "inputs": []},
        {"name": "track", "inputs": ["detect"]},
        {"name": "detect", "inputs": ["capture"]},
        {"name": "loop", "inputs": ["loop"]},
    ]
    script = """
        const { at, links } = m.layout(given.nodes);
        return [Object.fromEntries([...at].map(([name, [x]]) => [name, x])), links.map(([from, to]) => `${from} ${to}`)];
    """  # noqa: E501
    at, links = page.run(script, "layout", nodes=nodes)  # type: ignore[misc]
    assert at["capture"] < at["detect"] < at["track"] < at["view"]
    assert {"capture view", "track view", "detect track", "capture detect"} <= set(links)
