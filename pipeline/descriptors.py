"""Whether the process has file descriptors left: each camera, viewer and file wants at least one.

Without any, nothing new can be opened: no camera that is back, no viewer, no file. What is open
goes on.
"""

import errno
import os
import resource
import sys
from collections.abc import Sequence

from stages.events import Event

SHORT, ENOUGH = 0.9, 0.8  # shares of those allowed: above the first it is told, below the other too
PLACES = ("/proc/self/fd", "/dev/fd")  # of Linux, of macOS


def for_viewers() -> int:
    """How many of them viewers may take: a third of those that this process may have."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else max(1, limit // 3)


class Descriptors:
    """Looks how many are open. One thread calls `look`."""

    def __init__(self) -> None:
        """Take it that there are enough."""
        self._short = False

    def look(self) -> Sequence[Event]:
        """What has changed: `descriptors.short` or `descriptors.enough`, or nothing."""
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if limit == resource.RLIM_INFINITY:
            return ()
        used = _open(limit)
        if self._short == (used > (ENOUGH if self._short else SHORT) * limit):
            return ()
        self._short = not self._short
        name = "descriptors.short" if self._short else "descriptors.enough"
        return [Event(name, "process", {"open": used, "limit": limit})]


def _open(limit: int) -> int:
    """How many are open; all, when there is none left to count them with."""
    for place in PLACES:
        try:
            return len(os.listdir(place)) - 1  # noqa: PTH208 - the listing's own is not counted
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                return limit
    return 0
