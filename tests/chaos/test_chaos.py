"""Each fault, in short: `make chaos` has the long ones, and judges by the clock too."""

import asyncio
from pathlib import Path

import pytest

from tests.chaos.fault import Finding, Missing, load
from tests.chaos.table import FAULTS


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", FAULTS)
def test_what_must_hold_holds(name: str, tmp_path: Path) -> None:
    fault, found = FAULTS[name], Finding()
    try:
        asyncio.run(fault.torment(fault.short, tmp_path, found))
    except Missing as missing:
        pytest.skip(str(missing))
    print("; ".join([*found.figures, *found.late]))
    assert found.missed == [], f"at a load of {load():.1f} a core: {found.figures}"
