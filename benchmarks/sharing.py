"""What it is worth that sixteen streams share one detector."""

from collections.abc import Sequence
from statistics import median

from benchmarks.measure import Bar, in_turn, measured, spread
from models.errors import MissingModel
from models.store import find

MODELS = ("blazeface-short", "tinier-yolo-voc")
BATCHES = (1, 4)
RUNS = 3


def bars() -> Sequence[Bar]:
    """Throughput and memory, for each model that is ready."""
    return [bar for name in MODELS if _ready(name) for bar in _bars(name)]


def _ready(name: str) -> bool:
    try:
        find(name)
    except MissingModel as missing:
        print(f"sharing: {name} skipped: {missing}")
        return False
    return True


def _bars(name: str) -> Sequence[Bar]:
    ways = [*(("shared", batch) for batch in BATCHES), ("own", 1), ("usual", 1)]
    found = in_turn(
        {
            f"{way} {batch}": lambda way=way, batch=batch: measured(
                "benchmarks.subjects.sharing", name, way, str(batch)
            )
            for way, batch in ways
        },
        RUNS,
    )
    batch = max(BATCHES, key=lambda one: median(run["fps"] for run in found[f"shared {one}"]))
    shared = found[f"shared {batch}"]
    rows = []
    for way, opened in (("usual", "by ONNX Runtime's defaults"), ("own", "as framewire does")):
        times = [a["fps"] / b["fps"] for a, b in zip(shared, found[f"{way} 1"], strict=True)]
        what = f"{name}: throughput of one session, batches of {batch}, against 16 opened {opened}"
        rows.append(Bar(what, ">= 1.5", spread(times), median(times) >= 1.5))
    less = [a["mb"] / b["mb"] for a, b in zip(found["shared 1"], found["own 1"], strict=True)]
    what = f"{name}: memory of one session against 16"
    rows.append(Bar(what, "<= 1/8", f"1/{1 / median(less):.1f}", median(less) <= 1 / 8))
    return rows
