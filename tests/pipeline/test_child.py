"""What the process of an isolated stage brings along: every import keeps the next one waiting."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.crossing import Assignment
from stages.builtin import STAGES
from stages.stage import StageContext

ROOT = Path(__file__).parents[2]


def imported(assignment: Assignment) -> set[str]:
    """All that is imported once a child has been told what to run."""
    code = "import sys, pickle, pipeline.child; pickle.load(sys.stdin.buffer); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, input=pickle.dumps(assignment), capture_output=True, check=True,
    )  # fmt: skip
    return set(done.stdout.decode().split())


def test_a_child_that_runs_a_file_imports_no_stage_of_ours_and_nothing_of_the_pipeline() -> None:
    found = imported(Assignment("./gauge.py:Sharpness", {}, StageContext("node")))
    assert {"numpy", "cv2", "stages.stage"} <= found
    ours = {name for name in found if name.startswith(("pipeline.", "sinks", "stages.builtin"))}
    assert ours == {"pipeline.child", "pipeline.crossing", "pipeline.tuning"}
    slow = {"asyncio", "av", "onnxruntime", "starlette", "structlog"}
    slow |= {"aiortc", "fastapi", "keras", "tensorflow"}
    assert not found & slow


@pytest.mark.parametrize("name", ["detect", "zones"])
def test_a_child_that_runs_a_stage_of_ours_imports_no_other(name: str) -> None:
    found = imported(Assignment(STAGES[name], {}, StageContext("node")))
    assert f"stages.{name}" in found
    others = {kind.__module__ for kind in STAGES.values()} - {f"stages.{name}"}
    assert not found & (others | {"stages.builtin", "stages.capture", "structlog", "starlette"})
