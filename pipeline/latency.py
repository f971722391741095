"""Latencies of the last results, and what share of them was how fast."""

import threading

import numpy as np
from numpy.typing import NDArray

KEPT = 65_536  # results: 44 minutes of one 25 fps stream, 512 KiB


class Latency:
    """A ring of the last 65,536 latencies, in seconds. Safe to use from several threads."""

    def __init__(self) -> None:
        self.count = 0
        self._ring = np.zeros(KEPT, np.float64)
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        """Note one more."""
        with self._lock:
            self._ring[self.count % KEPT] = seconds
            self.count += 1

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
