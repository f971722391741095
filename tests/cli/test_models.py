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
