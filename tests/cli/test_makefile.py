"""What `make run SOURCE=...` hands on."""

import os
import subprocess
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
