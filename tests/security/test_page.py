"""docs/security.md promises nothing whose test is gone."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = sorted(set(re.findall(r"`(tests/[^`]+)`", (ROOT / "docs" / "security.md").read_text())))


@pytest.mark.parametrize("named", NAMED)
def test_each_test_that_is_named_is_there(named: str) -> None:
    file, _, test = named.partition("::")
    path = ROOT / file
    assert path.exists()
    if test:
        assert f"def {test}(" in path.read_text()


def test_there_are_some() -> None:
    assert len(NAMED) > 20
