"""configs/everything.yaml: whether the picture keeps its pace while ten families are at work."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from statistics import median

from benchmarks.folder import WORK
from benchmarks.measure import ROOT, Bar, spread
from tests.configs.ready_everything import ready_everything

RUNS = 3
SECONDS, WARM_UP = 20, 5


def bars() -> Sequence[Bar]:
    """Pictures a second, what is added to each, and what the nodes come to."""
    home = WORK / "everything"
    home.mkdir(exist_ok=True)
    environ = {**os.environ, **ready_everything(home)}
    told = [sys.executable, "-m", "benchmarks.subjects.everything", environ["SOURCE"]]
    told += [str(SECONDS), str(WARM_UP)]
    runs = []
    for _ in range(RUNS):
        done = subprocess.run(
            told, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"everything failed:\n{done.stderr[-3000:]}")
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    fps, p95 = ([run[key] for run in runs] for key in ("fps", "added_p95"))
    p50, held = ([run[key] for run in runs] for key in ("added_p50", "peak_mb"))
    balanced = [run["balanced"] for run in runs]
    what = "everything.yaml, 720p25"
    return [
        Bar(f"{what}, pictures a second", ">= 24.9", spread(fps), median(fps) >= 24.9),
        Bar(f"{what}, added to a picture, p95, ms", "<= 15", spread(p95), median(p95) <= 15),
        Bar(f"{what}, the same, p50, ms", "-", spread(p50), held=True),
        Bar(f"{what}, memory of all processes, MB", "-", spread(held, 0), held=True),
        Bar(f"{what}, the ledger balances", "always", str(all(balanced)), all(balanced)),
        *(
            Bar(
                f"{what}, {node}, ms a picture",
                "-",
                spread([run["nodes"][node][1] for run in runs], 0),
                held=True,
            )
            for node, (_, ms) in runs[0]["nodes"].items()
            if ms is not None
        ),
    ]
