"""What `make run SOURCE=...` hands on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOW = 'show: ; @printf "%s" "$$SOURCE"'


@pytest.mark.parametrize(
    "source", ["", "rtsp://u:p$a$$(b)#@c/x?y=1&z", """a b 'c' "d" \\ $e;f.mp4"""]
)
@pytest.mark.parametrize("given", ["argument", "environment"])
def test_an_address_may_hold_any_sign(source: str, given: str) -> None:
    command = ["make", "--silent", "--eval", SHOW, "show"]
    told = {"SOURCE": source} if given == "environment" else {}
    if given == "argument":
        command.append(f"SOURCE={source}")
    answer = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **told}, capture_output=True, text=True, check=True
    )
    assert answer.stdout == source


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """An environment that `make` takes for its own, with this Python and this framewire."""
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    for stamp in (".made", ".run", ".assets"):
        (folder / stamp).touch()
    command = folder / "bin" / "framewire"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipeline "$@"\n')
    command.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("/nope/x.mp4", "got /nope/x.mp4"),
        ("""/nope/a b 'c' "d" \\ $e;f.mp4""", """got /nope/a b 'c' "d" \\ $e;f.mp4"""),
        ("-x.mp4", "got -x.mp4"),
        ("rstp://u:p$a$$(b)#@c/x", "got rstp:// in rstp://u:***@c/x"),
    ],
)
def test_a_source_that_is_not_there_is_told_with_any_config(
    built: Path, tmp_path: Path, source: str, told: str
) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(
        'streams: { a: { source: testcard } }\nsinks: { out: { sink: "null", from: capture } }\n'
    )
    made = ["make", "--silent", "run", f"VENV={built}", f"SOURCE={source}", f"CONFIG={config}"]
    answer = subprocess.run(made, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert told in answer.stderr
