"""`make bench`: measure, print the table, and with --write put it into benchmarks/RESULTS.md."""

import argparse
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks import everything, live, recorder, redis, sharing, throughput, zoo
from benchmarks.measure import RUNS, Bar
from pipeline.report import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESULTS = Path(__file__).with_name("RESULTS.md")


def machine() -> str:
    """What the figures were taken on."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{name} {version}" for name, version in versions().items())
    return (
        f"{len(names)} cores {names[0]}, {memory:.0f} GiB, {platform.system()}, no GPU\n{packages}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        help="camera file decode latency memory start hop redis record zoo sharing everything; "
        "soak",
    )
    parser.add_argument("--inference", metavar="PYTHON", help="of an environment that has it")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    told = parser.parse_args()
    parts: dict[str, Callable[[], Sequence[Bar]]] = {
        "camera": lambda: throughput.bars("camera", told.inference),
        "file": lambda: throughput.bars("file", told.inference),
        "decode": lambda: [live.decode()],
        "latency": lambda: [live.latency()],
        "memory": lambda: [live.memory()],
        "start": lambda: [live.start()],
        "hop": lambda: [live.hop()],
        "record": recorder.bars,
        "redis": redis.bars,
        "zoo": zoo.bars,
        "sharing": sharing.bars,
        "everything": everything.bars,
        "soak": lambda: [live.soak()],
    }
    unknown = [name for name in told.parts if name not in parts]
    if unknown:
        parser.error(f"wanted parts among {', '.join(parts)}, got {', '.join(unknown)}")
    rows = ["| what | bar | median (least to most) | held |", "|---|---|---|---|"]
    print(*rows, sep="\n")
    for name in told.parts or [name for name in parts if name != "soak"]:
        for bar in parts[name]():
            rows.append(bar.row())
            print(rows[-1], flush=True)
    if told.write:
        taken = datetime.now(UTC).date().isoformat()
        head = f"# Results\n\nTaken {taken} with `make bench`, medians of {RUNS} runs in turn.\n\n"
        RESULTS.write_text(head + machine() + "\n\n" + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
