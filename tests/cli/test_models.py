"""`framewire models` with files of a user's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.export.graph import Graph
from models.spec import Input, Port
from pipeline.cli import app

ROOT = Path(__file__).parents[2]
SIDECAR = "task: classify\ninput: { width: 8, height: 8 }\nlabels: [cat]\n"


def framewire(*arguments: str | Path, environment: dict[str, str] | None = None) -> Result:
    return CliRunner(env=environment).invoke(app, [str(argument) for argument in arguments])


def own_model(folder: Path) -> Path:
    """A classifier of one class, whose probability is 1, with its sidecar."""
    graph = Graph("own")
    image = graph.image(Input(8, 8))
    made = graph.add("ReduceMean", [image, graph.integers(1, 2, 3)], {"keepdims": 0})
    column = graph.add("Unsqueeze", [made, graph.integers(1)])
    graph.output(Port("probabilities", "float32", ("B", 1)), graph.add("Softmax", [column]))
    file = folder / "own.onnx"
    file.write_bytes(graph.model({}).SerializeToString())
    file.with_suffix(".yaml").write_text(SIDECAR)
    return file


def exported(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`models export own.onnx` in the folder where that file lies."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline", "models", "export", "own.onnx", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_export_never_goes_to_the_file_it_is_made_from(tmp_path: Path) -> None:
    own = own_model(tmp_path)
    before = own.read_bytes(), own.with_suffix(".yaml").read_bytes()
    done = exported(tmp_path)
    assert done.stdout.strip() == "own-copy.onnx", done.stderr
    assert (tmp_path / "own-copy.onnx").read_bytes() == before[0]
    asked = framewire("models", "export", str(own), "--to", str(own), "--fp16")
    assert asked.exit_code == 1
    assert "--to: wanted another file than the model's own" in asked.output
    assert (own.read_bytes(), own.with_suffix(".yaml").read_bytes()) == before


@pytest.mark.parametrize(
    ("to", "message"),
    [("", "--to: wanted a file, got a directory"), ("a.yaml", "wanted a name that ends in .onnx")],
)
def test_an_export_goes_to_an_onnx_file(to: str, message: str, tmp_path: Path) -> None:
    found = framewire("models", "export", str(own_model(tmp_path)), "--to", str(tmp_path / to))
    assert found.exit_code == 1
    assert message in found.output


def test_an_export_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    own, target = own_model(tmp_path), tmp_path / "out.onnx"
    target.write_text("an earlier one")
    (tmp_path / "empty").mkdir()
    called = ["--int8", "--calibrate", str(tmp_path / "empty")]
    found = framewire("models", "export", str(own), "--to", str(target), *called)
    assert "empty: wanted pictures" in found.output
    assert target.read_text() == "an earlier one"
    assert {file.suffix for file in tmp_path.iterdir() if file.is_file()} == {".onnx", ".yaml"}


@pytest.mark.parametrize("command", ["export", "bench", "check"])
def test_a_models_name_is_said_once(command: str, tmp_path: Path) -> None:
    home = {"FRAMEWIRE_HOME": str(tmp_path)}
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "raccoon.json").write_text("junk")
    found = framewire("models", command, "raccoon", environment=home)
    assert found.exit_code == 1
    assert found.output.count("raccoon:") <= 1
    absent = framewire("models", "export", "maskrcnn-coco", environment=home)
    assert absent.output.count("maskrcnn-coco: ") == 1


def test_an_unknown_model_is_answered_with_those_like_it(tmp_path: Path) -> None:
    home = {"FRAMEWIRE_HOME": str(tmp_path)}
    for command in ("show", "pull", "export", "bench"):
        found = framewire("models", command, "yolov2-cocoa", environment=home)
        assert found.exit_code in {1, 2}
        assert "got 'yolov2-cocoa'; did you mean yolov2-coco or yolov2-" in found.output
        assert "framewire models list" in found.output
        assert "vggface" not in found.output


@pytest.mark.parametrize(
    ("called", "message"),
    [
        (["import", "raccoon", "HERE"], "wanted a weight file, got a directory"),
        (["import", "raccoon", "LICENSE", "--labels", "HERE"], "a name a line, got a directory"),
        (["import", "raccoon", "LICENSE", "--labels", "HERE/x"], "a name a line, got nothing ther"),
        (["export", "HERE/a.onnx"], "wanted an ONNX file, got a directory"),
        (["bench", "HERE/a.onnx"], "wanted an ONNX file, got a directory"),
        (["bench", "HERE/b.onnx"], "wanted an ONNX file, got nothing there"),
    ],
)
def test_a_directory_in_place_of_a_file_is_called_one(
    called: list[str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "a.onnx").mkdir()
    found = framewire("models", *(part.replace("HERE", str(tmp_path)) for part in called))
    assert found.exit_code in {1, 2}
    assert message in found.output


def test_engines_are_compared_on_pictures_of_ones_own(tmp_path: Path) -> None:
    own = own_model(tmp_path)
    called = ["models", "bench", own, "--device", "cpu", "--against", "onnxruntime", "--seconds"]
    found = framewire(*called, "0.1", "--picture", ROOT / "docs" / "images" / "demo.jpg")
    assert found.exit_code == 0, found.output
    assert "agreement, 1 pictures" in found.output
    assert "same class 1.0000, largest change 0.0000" in " ".join(found.output.split())
    drawn = framewire(*called, "0.1")
    assert "largest difference" in drawn.output
    assert "no picture" not in drawn.output


@pytest.mark.parametrize(
    ("picture", "message"),
    [("gone.jpg", "wanted a picture, got nothing there"),
     ("own.yaml", "wanted a picture, got a file that is none"),
     ("empty", "empty: wanted pictures (.bmp, .jpeg")],
)  # fmt: skip
def test_what_is_no_picture_is_named(picture: str, message: str, tmp_path: Path) -> None:
    own = own_model(tmp_path)
    (tmp_path / "empty").mkdir()
    called = ["models", "bench", own, "--against", "onnxruntime", "--picture", tmp_path / picture]
    found = framewire(*called)
    assert found.exit_code == 1
    assert message in found.output
