"""The command line as a user meets it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models import ZOO, PackageFile
from pipeline.cli import app
from tests.models.conftest import package_file

ROOT = Path(__file__).parents[2]
GOOD = """\
streams: { lobby: "rtsp://viewer:geheim@camera-1/main" }
graph: { faces: { stage: detect, model: blazeface-short, fps: 5 } }
sinks: { out: { sink: "null", from: faces } }
"""
BAD = """\
streams: { lobby: { sauce: x } }
graph: { faces: { stage: detetc, from: faces } }
sinks: { out: { sink: "null", queue: 0 } }
"""


def framewire(*arguments: str | Path, environment: dict[str, str] | None = None) -> Result:
    return CliRunner(env=environment).invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    return path


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


HEAVY = "tensorflow keras onnxruntime onnx av cv2 numpy pydantic rich fastapi redis yaml"


def test_the_command_line_is_there_at_once() -> None:
    look = f"import sys, pipeline.cli; print(*(set({HEAVY.split()}) & set(sys.modules)))"
    spent, alone = [], []
    for _ in range(3):
        began = time.perf_counter()
        found = python("-c", look)
        spent.append(time.perf_counter() - began)
        assert (found.stdout.strip(), found.stderr, found.returncode) == ("", "", 0)
        began = time.perf_counter()
        python("-c", "")
        alone.append(time.perf_counter() - began)
    # A Python of its own is the measure: on a busy machine both are slow.
    assert min(spent) < 10 * min(alone) + 0.05


@pytest.mark.parametrize(
    "command",
    ["validate configs/demo.yaml", "schema", "graph configs/demo.yaml", "doctor", "models list"],
)
def test_no_command_imports_tensorflow(command: str) -> None:
    arguments = ["framewire", *command.split()]
    look = (
        f"import sys; sys.argv = {arguments}\n"
        "from pipeline.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'tensorflow', 'keras', 'torch'} & set(sys.modules)\n"
    )
    found = python("-W", "error", "-c", look)
    assert found.returncode == 0, found.stderr


def test_help_names_the_commands_and_so_does_calling_it_without_any() -> None:
    for result in (framewire("--help"), framewire()):
        for command in ("run", "validate", "schema", "graph", "doctor", "models"):
            assert command in result.output


def test_the_package_can_be_run() -> None:
    found = python("-m", "pipeline", "validate", "none.yaml")
    assert found.returncode == 2
    assert found.stderr.startswith("none.yaml: wanted a file that can be read")


@pytest.mark.parametrize(
    "arguments",
    [
        ["walk"],
        ["run"],
        ["run", "x.yaml", "--for", "soon"],
        ["run", "x.yaml", "--for", "0"],
        ["run", "x.yaml", "--log-level", "loud"],
        ["graph", "x.yaml", "--color"],
        ["models", "pull"],
    ],
)
def test_a_wrong_call_ends_with_2(arguments: list[str]) -> None:
    assert framewire(*arguments).exit_code == 2


def test_a_good_config_is_told_in_short(good: Path) -> None:
    result = framewire("validate", good)
    assert result.exit_code == 0
    assert result.stdout == f"{good}: good: 1 stream (lobby), 1 node (faces), 1 sink (out)\n"


@pytest.mark.parametrize("command", ["validate", "run", "graph"])
def test_all_mistakes_of_a_bad_config_are_told_on_stderr(command: str, bad: Path) -> None:
    result = framewire(command, bad)
    assert result.exit_code == 2
    assert result.stdout == ""
    *lines, last = result.stderr.splitlines()
    assert [line.removeprefix(f"{bad}:").split(": ", 2)[:2] for line in lines] == [
        ["1:21", "streams.lobby.sauce"],
        ["2:26", "graph.faces.stage"],
        ["2:40", "graph.faces.from"],
        ["3:10", "sinks.out"],
        ["3:38", "sinks.out.queue"],
    ]
    assert last == "5 mistakes"


def test_the_schema_is_json() -> None:
    result = framewire("schema")
    assert result.exit_code == 0
    schema = json.loads(result.stdout)
    assert "stage-detect" in schema["$defs"]
    assert "sink-redis" in schema["$defs"]


def test_the_schema_can_be_a_page() -> None:
    result = framewire("schema", "--markdown")
    assert result.stdout == (ROOT / "docs" / "config.md").read_text(encoding="utf-8")


def test_a_graph_is_drawn_as_mermaid_or_svg(good: Path, tmp_path: Path) -> None:
    picture = tmp_path / "graph.svg"
    assert framewire("graph", good).stdout.startswith("flowchart LR\n")
    result = framewire("graph", good, "--svg", picture)
    assert (result.stdout, result.exit_code) == ("", 0)
    assert picture.read_text(encoding="utf-8").startswith("<svg ")
    assert "geheim" not in picture.read_text(encoding="utf-8")
    assert framewire("graph", good, "--svg", picture, "--mermaid").stdout.startswith("flowchart")


def test_a_picture_that_cannot_be_written_is_a_failure(good: Path, tmp_path: Path) -> None:
    result = framewire("graph", good, "--svg", tmp_path / "none" / "graph.svg")
    assert result.exit_code == 1
    assert "No such file" in result.stderr


def test_the_models_are_listed_and_shown() -> None:
    assert "blazeface-short" in framewire("models", "list").stdout
    shown = framewire("models", "show", "blazeface-short")
    assert shown.exit_code == 0
    assert "Apache-2.0" in shown.stdout
    assert "128x128" in shown.stdout


@pytest.mark.parametrize("command", ["show", "pull"])
def test_a_model_that_nobody_knows_is_a_wrong_call(command: str) -> None:
    result = framewire("models", command, "blazeface-shrot")
    assert result.exit_code == 2
    assert "blazeface-short" in result.stderr


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, str]:
    """An environment in which no model has been made yet."""
    return {**os.environ, "FRAMEWIRE_HOME": str(tmp_path / "home")}


def test_a_model_is_made_once(elsewhere: dict[str, str]) -> None:
    def pull() -> tuple[str, int]:
        found = subprocess.run(
            [sys.executable, "-m", "pipeline", "models", "pull", "blazeface-short"],
            cwd=ROOT, env=elsewhere, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        path = Path(found.stdout.strip())
        return found.stdout, path.stat().st_mtime_ns

    assert pull() == pull()


def test_a_run_with_another_source_ends_clean_and_leaves_a_report(
    good: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    found = python(
        "-m", "pipeline", "run", str(good), "--source", "testcard", "--for", "0.5", "--no-table",
        "--report", str(report), "--log-level", "warning",
    )  # fmt: skip
    assert (found.returncode, found.stderr) == (0, "")
    assert json.loads(report.read_text(encoding="utf-8"))["balanced"] is True


def test_a_run_that_cannot_start_ends_with_1_and_shows_no_secret(tmp_path: Path) -> None:
    folder = tmp_path / "secret-folder"
    folder.mkdir()
    path = tmp_path / "x.yaml"
    path.write_text(
        "streams: { card: testcard }\n"
        'sinks: { file: { sink: jsonl, path: "${OUT}", from: capture } }\n'
    )
    found = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", str(path)],
        cwd=ROOT, env={**os.environ, "OUT": str(folder)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert found.returncode == 1
    assert "secret-folder" not in found.stdout + found.stderr
    assert "${OUT}" in found.stderr


@pytest.mark.parametrize("command", ["validate", "run"])
@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("gone.mp4", "got gone.mp4, and there is no {folder}/gone.mp4"),
        ("~nobody-of-that-name/x.mp4", "got ~nobody-of-that-name/x.mp4"),
        ("rstp://u:geheim@c/x", "got rstp:// in rstp://u:***@c/x"),
        ("empty", "got none in {folder}/empty"),
    ],
)
def test_a_source_that_is_not_there_is_a_mistake(
    tmp_path: Path, command: str, source: str, told: str
) -> None:
    (tmp_path / "empty").mkdir()
    path = tmp_path / "x.yaml"
    path.write_text(GOOD.replace("lobby:", f'\n  gone: "{source}",\n  lobby:'))
    found = framewire(command, path)
    assert found.exit_code == 2
    assert found.stderr.startswith(f"{path}:2:9: streams.gone: wanted ")
    assert told.format(folder=tmp_path) in found.stderr
    assert framewire("graph", path).exit_code == 0


@pytest.mark.parametrize("clip", ["/nowhere/secret-clip.mp4", "~/secret/../secret-clip.mp4", "s.x"])
def test_a_source_from_the_environment_that_is_not_there_stays_secret(
    good: Path, clip: str
) -> None:
    good.write_text(GOOD.replace("lobby:", 'lobby: "${CLIP}", x:'))
    found = framewire("validate", good, environment={"CLIP": clip})
    assert found.exit_code == 2
    assert "got '${CLIP}', from the environment" in found.stderr
    assert "secret" not in found.stderr
    assert clip not in found.stderr


def test_a_models_card_is_printed_as_it_is_written() -> None:
    card = framewire("models", "card", "blazeface-short").stdout
    assert card == (ROOT / "models" / "cards" / "blazeface-short.md").read_text("utf-8")


def test_what_ships_without_a_name_in_the_zoo_has_a_card_too() -> None:
    found = framewire("models", "card", "raccoon-320")
    assert found.exit_code == 0
    assert "framewire models train configs/train/raccoon-320.yaml" in found.stdout
    assert framewire("models", "card", "../cards/raccoon-320").exit_code == 2


def test_weights_of_ones_own_are_imported_and_exported(tmp_path: Path) -> None:
    origin = ZOO["facemesh-468"].origin
    assert isinstance(origin, PackageFile)
    original = package_file(origin.distribution, origin.path)
    home = {"FRAMEWIRE_HOME": str(tmp_path / "home")}
    made = framewire("models", "import", "facemesh-468", str(original), environment=home)
    assert Path(made.stdout.strip()).is_file(), made.output
    target = tmp_path / "mesh.onnx"
    called = ["models", "export", "facemesh-468", "--fp16", "--to", str(target)]
    assert framewire(*called, environment=home).exit_code == 0
    assert target.is_file()
    assert "task: mesh" in target.with_suffix(".yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["import", "facemesh-468", "gone.tflite"], "gone.tflite: wanted a weight file, got noth"),
        (["import", "facemesh-468", "LICENSE"], "LICENSE: wanted a .tflite file"),
        (["import", "facemesh-468", "LICENSE", "--labels", "gone.txt"], "gone.txt: wanted a text"),
        (["export", "blazeface-short", "--int8"], "--int8: wanted --calibrate with a folder"),
        (["export", "blazeface-short", "--int8", "--fp16"], "wanted --fp16 or --int8, got both"),
        (["bench", "blazeface-short", "--against", "abacus"], "wanted onnxruntime, opencv, openv"),
    ],
)
def test_a_wrong_call_about_models_is_answered(arguments: list[str], message: str) -> None:
    found = framewire("models", *arguments)
    assert found.exit_code in {1, 2}
    assert message in found.output


def test_every_model_is_listed_whole_and_in_one_line() -> None:
    listed = framewire("models", "list", environment={"COLUMNS": "80"}).stdout
    title, *lines = listed.splitlines()
    assert title.split() == ["model", "task", "input", "classes", "ready", "licence"]
    assert [line.split()[0] for line in lines] == list(ZOO)
    for line, known in zip(lines, ZOO.values(), strict=True):
        assert line.rstrip().endswith(f" {known.licence}")


@pytest.mark.parametrize("command", ["list", "show raccoon", "check raccoon", "pull raccoon"])
def test_a_broken_record_of_an_import_is_said_in_a_line(command: str, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "raccoon.json").write_text("junk")
    home = {"FRAMEWIRE_HOME": str(tmp_path)}
    found = framewire(
        *f"models {command} raccoon".split()[: 2 + (command != "list")], environment=home
    )
    assert "broken" in found.output or "remove it and import raccoon again" in found.output
    assert not isinstance(found.exception, Exception)


SIDECAR = "task: {}\ninput: {{ width: 8, height: 8 }}\nlabels: [cat]\n"


@pytest.mark.parametrize("options", [["--fp16"], ["--int8", "--calibrate", "docs/images"]])
def test_a_broken_file_is_not_exported(options: list[str], tmp_path: Path) -> None:
    (tmp_path / "own.onnx").write_text("garbage")
    (tmp_path / "own.yaml").write_text(SIDECAR.format("classify"))
    target = tmp_path / "out.onnx"
    own = str(tmp_path / "own.onnx")
    found = framewire("models", "export", own, "--to", target, *options)
    assert found.exit_code == 1
    assert "ONNX Runtime cannot open it" in found.output
    assert not target.exists()


def test_the_labels_of_an_import_are_shown(tmp_path: Path) -> None:
    origin = ZOO["blazeface-short"].origin
    assert isinstance(origin, PackageFile)
    original = package_file(origin.distribution, origin.path)
    (tmp_path / "names.txt").write_text("visage")
    home = {"FRAMEWIRE_HOME": str(tmp_path)}
    called = ["import", "blazeface-short", str(original), "--labels", str(tmp_path / "names.txt")]
    assert framewire("models", *called, environment=home).exit_code == 0
    assert "visage" in framewire("models", "show", "blazeface-short", environment=home).stdout


def test_labels_without_a_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text("\n\n")
    found = framewire("models", "import", "raccoon", "LICENSE", "--labels", tmp_path / "none.txt")
    assert found.exit_code == 2
    assert "none.txt: wanted a name a line, got none" in found.output
