"""Fuzz all readers: `python -m tests.fuzz [--cases N] [--seed N] [reader ...]`."""

import argparse
import sys
import time
from collections import Counter

from tests.fuzz.child import run
from tests.fuzz.subjects import SUBJECTS

SHOWN = 5  # failures of a reader that are told in full


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("readers", nargs="*", default=list(SUBJECTS), metavar="reader")
    parser.add_argument("--cases", type=int, default=10_000, help="of all readers together")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if unknown := set(options.readers) - set(SUBJECTS):
        parser.error(f"wanted readers of {', '.join(SUBJECTS)}, got {', '.join(unknown)}")
    each, more = divmod(options.cases, len(options.readers))
    print(f"{'reader':<12}{'cases':>8}{'refused':>9}{'read':>8}{'failures':>10}{'seconds':>9}")
    failed = 0
    for i, reader in enumerate(options.readers):
        started = time.monotonic()
        kinds: Counter[str] = Counter()
        failures = []
        for outcome in run(reader, SUBJECTS[reader], options.seed, each + (i < more)):
            kinds[outcome.kind] += 1
            if outcome.failed:
                failures.append(outcome)
        took = time.monotonic() - started
        print(
            f"{reader:<12}{kinds.total():>8}{kinds['refused']:>9}{kinds['read']:>8}"
            f"{len(failures):>10}{took:>9.1f}",
            flush=True,
        )
        for failure in failures[:SHOWN]:
            print(f"  case {failure.number}: {failure.kind}: {failure.detail.rstrip()}")
        failed += len(failures)
    print(f"{failed} failures, seed {options.seed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
