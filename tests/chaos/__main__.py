"""`python -m tests.chaos [NAMES] [--minutes F] [--short]`: make faults, and see what holds.

A line for each fault: its name, held or not, the figure, and what must hold. The load beside each
figure is that of the machine, in processes that want a core for each that there is: what is said
of times means little above 1. Exit code 1 when something did not hold.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

import structlog

from pipeline.tuning import tune
from tests.chaos.fault import Fault, Finding, Missing, load
from tests.chaos.table import FAULTS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="fault", help=", ".join(FAULTS))
    parser.add_argument("--minutes", type=float, help="for each that is counted in minutes")
    parser.add_argument("--short", action="store_true", help="as short as in the tests")
    parser.add_argument("--log", action="store_true", help="show what framewire says meanwhile")
    told = parser.parse_args()
    if unknown := set(told.names) - set(FAULTS):
        parser.error(f"wanted faults of {', '.join(FAULTS)}, got {', '.join(sorted(unknown))}")
    level = logging.INFO if told.log else logging.CRITICAL
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    tune()
    missed = 0
    for name in told.names or FAULTS:
        fault = FAULTS[name]
        dose = fault.short if told.short else fault.full
        if fault.unit == "minutes" and told.minutes is not None:
            dose = told.minutes
        missed += not tell(name, fault, dose)
    return 1 if missed else 0


def tell(name: str, fault: Fault, dose: float) -> bool:
    """Make a fault, print its line, and whether all held."""
    began, before = time.monotonic(), load()
    try:
        found = make(fault, dose)
    except Missing as missing:
        print(f"{name:<14} skipped   {missing}", flush=True)
        return True
    missed = [*found.missed, *found.late]
    held = "NOT HELD" if missed else "held"
    figures = "; ".join(found.figures)
    took = time.monotonic() - began
    print(f"{name:<14} {held:<9} {figures} | must hold: {fault.must_hold} | "
          f"{took:.0f} s, load {before:.1f} to {load():.1f} a core", flush=True)  # fmt: skip
    for what in missed:
        print(f"{'':<14} wanted    {what}", flush=True)
    return not missed


def make(fault: Fault, dose: float) -> Finding:
    """Make a fault in a folder of its own; what could not even be seen has not held."""
    found = Finding()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        try:
            asyncio.run(fault.torment(dose, Path(folder), found))
        except TimeoutError as late:
            found.missed.append(str(late))
    return found


if __name__ == "__main__":
    sys.exit(main())
