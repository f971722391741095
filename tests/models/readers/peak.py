"""Reads every tensor of a file, one at a time, and prints how much memory that took, in bytes.

`python -m tests.models.readers.peak h5 FILE`: in a process of its own, since a peak never falls.
"""

import sys
from pathlib import Path

from models.readers import h5, npz, torch_pt

READ = {"h5": h5.read, "npz": npz.read, "torch_pt": torch_pt.read}


def status(line: str) -> int:
    """A line of this process's status, bytes."""
    for text in Path("/proc/self/status").read_text().splitlines():
        if text.startswith(f"{line}:"):
            return int(text.split()[1]) * 1024
    raise LookupError(line)


def main() -> None:
    reader, path = sys.argv[1], Path(sys.argv[2])
    before = status("VmRSS")
    for stored in READ[reader](path).values():
        stored.read().sum()
    print(status("VmHWM") - before)


if __name__ == "__main__":
    main()
