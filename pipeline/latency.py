"""Latencies of the last results, and what share of them was how fast."""

import threading
from bisect import bisect_left
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds: upper ends of what `histogram` tells apart; a frame of 25 fps comes each 0.04."""

KEPT = 65_536  # results: 44 minutes of one 25 fps stream, 512 KiB


class Latency:
    """A ring of the last 65,536 latencies, in seconds. Safe to use from several threads.

    count, sum  of all so far, in seconds
    """

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0
        self._within = [0] * (len(BUCKETS) + 1)
        self._ring = np.zeros(KEPT, np.float64)
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        """Note one more."""
        with self._lock:
            self._ring[self.count % KEPT] = seconds
            self.count += 1
            self.sum += seconds
            self._within[bisect_left(BUCKETS, seconds)] += 1

    def histogram(self) -> tuple[list[int], float]:
        """How many so far were at most as long as each of BUCKETS, then all; and their sum."""
        with self._lock:
            return list(accumulate(self._within)), self.sum

    def values(self) -> NDArray[np.float64]:
        """Those kept, (N,) float64, in seconds; in their order until the ring is full."""
        with self._lock:
            return self._ring[: min(self.count, KEPT)].copy()

    def percentiles(self, *shares: float) -> list[float]:
        """The latency that so many percent of those kept do not exceed, in seconds.

        0 for each share while there is none.
        """
        kept = self.values()
        return np.percentile(kept, shares).tolist() if len(kept) else [0.0] * len(shares)
