"""What a run costs its machine in processor seconds and memory, child processes included.

Children are stages in processes of their own, and an embedded Redis.
"""

import resource
import sys
from pathlib import Path

import psutil

TASKS = Path("/proc/self/task")
LISTED = any(TASKS.glob("*/children"))  # not every kernel does
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes, as getrusage counts on each system

GONE = (psutil.Error, OSError)  # it has just ended; no descriptor is left to look at it with


class Usage:
    """Adds up this process and all that descend from it."""

    def __init__(self) -> None:
        self._children: list[psutil.Process] = []
        self._children_peak = 0
        self._children_now = 0

    def look(self) -> None:
        """Find the children and note what they hold now, for once they have ended nobody can say.

        If there are any, it reads the whole table of processes, some milliseconds; from any thread,
        one at a time. Where no descriptor is left to read it with, what it knew stands.
        """
        try:
            self._children = psutil.Process().children(recursive=True) if _has_children() else []
        except OSError:
            return
        held = 0
        for child in self._children:
            try:
                held += int(child.memory_info().rss)
            except GONE:
                continue
        self._children_now = held
        self._children_peak = max(self._children_peak, held)

    @property
    def peak_rss(self) -> int:
        """Bytes: the most that this process has held, and the most `look` saw its children hold.

        What they share, such as pictures, counts for each.
        """
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT
        return int(own) + self._children_peak

    @property
    def rss(self) -> int:
        """Bytes that this process holds now, and that its children held when `look` was last there.

        What they share, such as pictures, counts for each.
        """
        return int(psutil.Process().memory_info().rss) + self._children_now

    @property
    def children(self) -> int:
        """How many processes descended from this one when `look` was last there."""
        return len(self._children)

    @property
    def cpu(self) -> float:
        """Seconds so far, of this process and of its children: the ended and those `look` found."""
        spent = 0.0
        for child in self._children:
            try:
                if child.is_running():  # and its number has not gone to another
                    times = child.cpu_times()
                    spent += times.user + times.system
                    spent += times.children_user + times.children_system
            except GONE:
                continue
        for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            used = resource.getrusage(whose)
            spent += used.ru_utime + used.ru_stime
        return spent


def _has_children() -> bool:
    """Whether there may be any: Linux knows in a fraction of the time (proc(5), `children`)."""
    if not LISTED:
        return True
    try:
        return any(one.read_bytes() for one in TASKS.glob("*/children"))
    except OSError:  # a thread has ended meanwhile
        return True
