"""A volume becomes a closed surface, turned the right way, in files that others can read."""

import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.export.graph import Graph
from models.results import Mesh3d
from models.sidecar import write_sidecar
from models.spec import CONTRACTS, Input, ModelSpec, Port
from stages.errors import BadOptions
from stages.faces.face3d import Face3d, Face3dOptions
from stages.faces.surface import MOST_CROSSED, Surface, surface_of, write_glb, write_obj
from stages.overlay import draw
from stages.stage import StageContext
from tests.factory import detections, grey_frame, nothing

SIDE = 48
PICTURE = Input(SIDE, SIDE, fit="stretch")


def ball(deep: int = 2 * SIDE, side: int = SIDE, radius: float = 12.0) -> np.ndarray:
    """A ball in cells of half depth, 255 inside and falling off over two cells."""
    z, y, x = np.mgrid[:deep, :side, :side].astype(np.float32)
    middle = (side - 1) / 2
    far = np.sqrt((x - middle) ** 2 + (y - middle) ** 2 + ((z - (deep - 1) / 2) / 2) ** 2)
    return np.clip((radius - far) * 127.5 + 127.5, 0, 255).astype(np.uint8)


def surface(volume: np.ndarray, image: np.ndarray | None = None) -> Surface:
    image = np.full((SIDE, SIDE, 3), 200, np.uint8) if image is None else image
    made = surface_of(volume, image, 127.5)
    assert made is not None
    return made


def test_a_ball_is_a_ball() -> None:
    made = surface(ball())
    far = np.linalg.norm(made.points, axis=1) * SIDE
    assert np.abs(far - 12).max() < 0.6
    corners = made.points[made.triangles].astype(np.float64)
    inside = np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    assert inside == pytest.approx(4 / 3 * np.pi * (12 / SIDE) ** 3, rel=0.03)  # anticlockwise
    outwards = (made.normals * made.points).sum(1) / np.linalg.norm(made.points, axis=1)
    assert outwards.min() > 0.9


def test_it_is_closed_also_at_the_sides_of_the_block() -> None:
    made = surface(np.full((8, SIDE, SIDE), 255, np.uint8))
    edges = np.sort(made.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, times = np.unique(edges, axis=0, return_counts=True)
    assert set(times.tolist()) == {2}


def test_up_is_up_and_near_is_near_and_colours_lie_where_they_were_seen() -> None:
    volume = np.zeros((20, SIDE, SIDE), np.uint8)
    volume[14:18, 4:10, 30:40] = 255  # near, above, on the right
    image = np.zeros((2 * SIDE, 2 * SIDE, 3), np.uint8)
    image[:SIDE, SIDE:] = (250, 120, 10)
    made = surface(volume, image)
    x, y, z = made.points.mean(axis=0)
    assert x > 0
    assert y > 0
    assert z > 0
    assert np.allclose(made.colours * 255, (250, 120, 10), atol=0.5)


def test_nothing_and_noise_have_no_surface() -> None:
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    assert surface_of(np.zeros((20, SIDE, SIDE), np.uint8), image, 10) is None
    noise = np.random.default_rng(4).integers(0, 256, (200, 192, 192), np.uint8)
    assert surface_of(noise, image, 127) is None
    assert MOST_CROSSED < 200 * 192 * 192


def glb(path: Path) -> tuple[dict, bytes]:
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    assert size % 4 == 0
    told = json.loads(data[20 : 20 + size])
    rest, kind = struct.unpack_from("<I4s", data, 20 + size)
    assert kind == b"BIN\0"
    assert rest % 4 == 0
    assert told["buffers"] == [{"byteLength": rest}]
    return told, data[28 + size :]


def test_gltf_holds_the_same_shape(tmp_path: Path) -> None:
    made = surface(ball())
    write_glb(tmp_path / "a.glb", made)
    told, numbers = glb(tmp_path / "a.glb")
    arrays = []
    for accessor, dtype in zip(told["accessors"], ["<f4"] * 3 + ["<u4"], strict=True):
        view = told["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        part = numbers[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        arrays.append(np.frombuffer(part, dtype))
        width = 3 if accessor["type"] == "VEC3" else 1
        assert len(arrays[-1]) == accessor["count"] * width
    points, normals, colours, triangles = arrays
    assert np.array_equal(points.reshape(-1, 3), made.points)
    assert np.array_equal(normals.reshape(-1, 3), made.normals)
    assert np.array_equal(triangles.reshape(-1, 3), made.triangles)
    assert told["accessors"][0]["max"] == pytest.approx(made.points.max(axis=0).tolist())
    assert colours == pytest.approx(0.5776, abs=1e-3)  # 200 of 255 in sRGB, IEC 61966-2-1


def test_another_program_reads_the_obj(tmp_path: Path) -> None:
    """OpenCV's own reader."""
    made = surface(ball())
    write_obj(tmp_path / "a.obj", made)
    vertices, indices, *_ = cv2.loadMesh(str(tmp_path / "a.obj"))
    assert np.allclose(np.squeeze(vertices), made.points, atol=1e-4)
    assert np.array_equal(np.array([np.ravel(one) for one in indices]), made.triangles)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model that sees a ball where there is light, and nothing in the dark."""
    graph = Graph("ball")
    mean = graph.add("ReduceMean", [graph.image(PICTURE), graph.integers(1, 2, 3)], {"keepdims": 1})
    lit = graph.add("Cast", [graph.add("Greater", [mean, graph.scalar(0.1)])], {"to": 1})
    made = graph.add("Mul", [lit, graph.constant(ball()[None].astype(np.float32))])
    (port,) = CONTRACTS["volume"].outputs
    out = graph.add("Cast", [made], {"to": 2})
    graph.output(Port(port.name, port.dtype, ("B", 2 * SIDE, SIDE, SIDE)), out)
    path = tmp_path / "ball.onnx"
    path.write_bytes(graph.model({"name": "ball"}).SerializeToString())
    write_sidecar(path, ModelSpec("ball", "own", "volume", PICTURE, (), "none", "none", None))
    return tmp_path


def stage(folder: Path, **options: object) -> Face3d:
    told = Face3dOptions.model_validate({"model": "ball.onnx", "folder": "made", **options})
    return Face3d(told, StageContext("face3d", device="cpu", folder=folder, inputs=("faces",)))


def test_each_face_gets_files_and_the_oldest_go(folder: Path) -> None:
    face3d = stage(folder, keep=2)
    for seq in range(4):
        (said,) = face3d.run([grey_frame(seq, results={"faces": detections()})])
        assert said is not None
        assert said.measure("count") == 1
        assert said.measure("vertices") > 1000
        assert all(Path(file).is_file() for file in said.files[0])
    left = sorted(file.name for file in (folder / "made").iterdir())
    assert left == [f"a-0000000{seq}-0.{kind}" for seq in (2, 3) for kind in ("glb", "obj")]


def test_only_the_largest_faces_are_looked_at(folder: Path) -> None:
    boxes = [(0.1 * n, 0.1, 0.1 * n + 0.01 * n, 0.5) for n in range(1, 6)]
    (said,) = stage(folder, most=2).run([grey_frame(0, results={"faces": detections(*boxes)})])
    assert said is not None
    assert said.boxes == pytest.approx(np.array(boxes[:2:-1], np.float32))


def test_what_is_no_face_has_no_shape_and_no_file(folder: Path) -> None:
    odd = detections((np.nan, 0, 1, 1), (2, 2, 3, 3), (0.5, 0.5, 0.5, 0.5))
    frames = [
        grey_frame(0, results={"faces": odd}),
        grey_frame(1, results={"faces": nothing()}),
        grey_frame(2, grey=0, results={"faces": detections()}),
        grey_frame(3),
    ]
    *said, silent = stage(folder, most=32).run(frames)
    assert silent is None
    assert [one and one.measure("count") for one in said] == [0, 0, 0]
    assert not list((folder / "made").iterdir())


def test_a_crowd_is_bounded(folder: Path) -> None:
    (said,) = stage(folder).run(
        [grey_frame(0, results={"faces": detections(*[(0, 0, 1, 1)] * 5000)})]
    )
    assert said is not None
    assert len(said.files) == 1


def test_a_folder_that_cannot_be_is_told(folder: Path) -> None:
    (folder / "made").write_text("")
    with pytest.raises(BadOptions, match="wanted a folder to write to, got"):
        stage(folder)


@pytest.mark.parametrize("height", [240, 1080])
def test_its_tag_is_drawn_inside_the_picture(height: int) -> None:
    pixels = np.full((height, height * 16 // 9, 3), 128, np.uint8)
    boxes = np.array([[0.8, 0.2, 1.1, 1.2], [np.nan, 0, 1, 1]], np.float32)
    numbers = np.array([31204, 1], np.int64)
    draw(pixels, {"face3d": Mesh3d(boxes, numbers, numbers, (("a.glb",), ("b.glb",)))})
    rows, columns = np.nonzero((pixels != 128).any(axis=2))
    assert rows.min() > height * 0.8
    assert columns.min() > height * 16 / 9 * 0.5
