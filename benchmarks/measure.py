"""Running a subject in a process of its own, and telling medians and ratios of several runs."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self

import psutil

ROOT = Path(__file__).parents[1]
RUNS = 5


class Stopwatch:
    """Wall and processor seconds of what runs inside `with`."""

    def __enter__(self) -> Self:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._wall
        self.cpu = time.process_time() - self._cpu

    def tell(self, frames: int) -> None:
        """Print what was measured for `measured` to read."""
        print(json.dumps({"frames": frames, "wall": self.wall, "cpu": self.cpu}))


def measured(module: str, *arguments: str, python: str = sys.executable) -> dict[str, Any]:
    """Run `python -m module arguments`, which prints its figures as JSON in its last line."""
    done = subprocess.run([python, "-m", module, *arguments], cwd=ROOT, capture_output=True,
                          text=True, check=False)  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{module} failed:\n{done.stderr[-3000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def busy(pid: int) -> float:
    """Processor seconds of all threads that are there, to the nanosecond where Linux says so."""
    stats = [one / "schedstat" for one in Path(f"/proc/{pid}/task").glob("*")]
    if stats and all(one.exists() for one in stats):
        return sum(int(one.read_text().split()[0]) for one in stats) / 1e9
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the results: what was measured, what it should be, what it was."""

    what: str
    wanted: str
    got: str
    held: bool

    def row(self) -> str:
        """As a row of a Markdown table."""
        return f"| {self.what} | {self.wanted} | {self.got} | {'yes' if self.held else '**no**'} |"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, and the least and the most in brackets."""
    low, mid, high = min(values), median(values), max(values)
    return f"{mid:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def in_turn(subjects: dict[str, Callable[[], dict[str, Any]]], runs: int = RUNS) -> dict[str, list]:
    """Run all subjects one after the other, and that several times over."""
    found: dict[str, list] = {name: [] for name in subjects}
    for _ in range(runs):
        for name, subject in subjects.items():
            found[name].append(subject())
    return found
