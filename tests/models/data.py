"""Real data that is not part of the project: found where it lies, or the test skips and says so."""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parents[3] / "shared" / "data"


def shared(path: str) -> Path:
    """A file or folder of the shared data: in FRAMEWIRE_TEST_DATA, else in `../shared/data`."""
    found = Path(os.environ.get("FRAMEWIRE_TEST_DATA", HERE)) / path
    if not found.exists():
        pytest.skip(f"real data is not here: {path} (FRAMEWIRE_TEST_DATA names its folder)")
    return found
