"""Keeps a fault that happens a thousand times a second from filling the log.

Counting goes on; only the lines are held back. A caller logs when `ready` says so, and says how
many it has held back:

    if (held_back := throttle.ready("corrupt")) is not None:
        log.warning("corrupt pictures", held_back=held_back)
"""

import threading
import time
from collections.abc import Callable

EVERY = 1.0
"""Seconds between two lines about the same thing."""


class Throttle:
    """Lets one line a second through for each subject. Safe to share between threads.

    Subjects are few and named in the code (a stream, a kind of fault), never taken from outside:
    each is remembered for good.
    """

    def __init__(self, every_s: float = EVERY, clock: Callable[[], float] = time.monotonic) -> None:
        """Let a line through every `every_s` seconds of `clock`, which must never go back."""
        self._every = every_s
        self._clock = clock
        self._held: dict[str, int] = {}
        self._next: dict[str, float] = {}
        self._lock = threading.Lock()

    def ready(self, subject: str = "") -> int | None:
        """Count one more of `subject`, and tell whether it may be logged.

        returns  how many were held back since the last line, when a line may be written now;
                 None when this one is held back too
        """
        now = self._clock()
        with self._lock:
            if now < self._next.get(subject, now):
                self._held[subject] = self._held.get(subject, 0) + 1
                return None
            self._next[subject] = now + self._every
            return self._held.pop(subject, 0)
