"""Whether the process has file descriptors left: each camera, viewer and file wants at least one.

Without any, nothing new can be opened: no camera that is back, no viewer, no file. What is open
goes on.
"""

import errno
import os
import resource
import sys
from collections.abc import Callable, Sequence

from stages.events import Event

SHORT, ENOUGH = 0.9, 0.8  # shares of those allowed: above the first it is told, at the other too
PLACES = ("/proc/self/fd", "/dev/fd")  # of Linux, of macOS


def count() -> tuple[int, int]:
    """How many descriptors this process may have, and how many are open."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    limit = sys.maxsize if limit == resource.RLIM_INFINITY else limit
    for place in PLACES:
        try:
            return limit, len(os.listdir(place)) - 1  # noqa: PTH208 - not that of the listing
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:  # none is left to count them with
                return limit, limit
    return limit, 0


def for_viewers() -> int:
    """How many of them viewers may take: a third of those that this process may have."""
    return max(1, count()[0] // 3)


class Descriptors:
    """Looks how many are open. One thread calls `look`."""

    def __init__(self, count: Callable[[], tuple[int, int]] = count) -> None:
        """Take it that there are enough; `count` says how many are allowed, and open."""
        self._count = count
        self._short = False

    def look(self) -> Sequence[Event]:
        """What has changed: `descriptors.short` or `descriptors.enough`, or nothing."""
        limit, used = self._count()
        short = used > (ENOUGH if self._short else SHORT) * limit
        if short == self._short:
            return ()
        self._short = short
        name = "descriptors.short" if short else "descriptors.enough"
        return [Event(name, "run", {"open": used, "limit": limit})]
