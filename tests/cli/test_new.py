"""A stage to begin with: what is written runs as it is."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.commands.new import new_stage

ROOT = Path(__file__).parents[2]


def call(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_test_and_config_run_as_they_are(tmp_path: Path) -> None:
    made = call("-m", "pipeline", "new", "stage", "shop_glow", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    assert {file.name for file in tmp_path.iterdir()} == {
        "shop_glow.py",
        "test_shop_glow.py",
        "shop_glow.yaml",
    }
    tested = call("-m", "pytest", "-q", "-p", "no:cacheprovider", ".", folder=tmp_path)
    assert "2 passed" in tested.stdout, tested.stdout
    ran = call("-m", "pipeline", "run", "shop_glow.yaml", "--for", "1", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert '"node":"shop_glow"' in (tmp_path / "shop_glow.jsonl").read_text().splitlines()[0]


@pytest.mark.parametrize("there", ["gauge.py", "test_gauge.py", "gauge.yaml"])
def test_what_is_there_is_not_written_over(
    tmp_path: Path, there: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / there).write_text("mine")
    assert new_stage("gauge", tmp_path) == 1
    assert [file.name for file in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"
    assert "nothing written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("../up", "small letters"),
        ("Gauge", "small letters"),
        ("", "small letters"),
        ("class", "no word of Python"),
        ("detect", "no stage has"),
        ("json", "no module has"),
    ],
)
def test_a_name_that_would_not_do_is_refused(
    tmp_path: Path, name: str, wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new_stage(name, tmp_path) == 2
    assert wanted in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
