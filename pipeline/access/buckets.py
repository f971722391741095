"""How often one address may come: token buckets, as many as there are callers, but not more.

https://en.wikipedia.org/wiki/Token_bucket
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

CALLERS_MAX = 10_000  # about 2 MB; who has not come for longest is forgotten


class Buckets:
    """For each caller a bucket that holds `burst` at most and is filled by `rate` in a second."""

    def __init__(
        self,
        rate: float,
        burst: float,
        *,
        callers_max: int = CALLERS_MAX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """All buckets are full."""
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._callers_max = callers_max
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def wait(self, caller: str) -> float:
        """The seconds until a caller may take one; 0 if now."""
        level, _ = self._level(caller)
        return 0.0 if level >= 1 else (1 - level) / self._rate

    def take(self, caller: str) -> float:
        """Take one of a caller's. Returns 0, or the seconds until there is one again."""
        if wait := self.wait(caller):
            return wait
        level, now = self._level(caller)
        self._levels[caller] = (level - 1, now)
        self._levels.move_to_end(caller)
        if len(self._levels) > self._callers_max:
            self._levels.popitem(last=False)
        return 0.0

    def _level(self, caller: str) -> tuple[float, float]:
        now = self._clock()
        level, at = self._levels.get(caller, (self._burst, now))
        return min(self._burst, level + (now - at) * self._rate), now


def caller(address: str) -> str:
    """By what an address is known: itself, or for IPv6 its network, of which one site has many."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> 64 << 64)}/64"


def retry_after(wait: float) -> dict[str, str]:
    """The header that says when to come again: whole seconds, rounded up."""
    return {"Retry-After": str(max(1, math.ceil(wait)))}
