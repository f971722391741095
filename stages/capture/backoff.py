"""How long to wait before a source that went away is tried again."""

import random

FIRST = 0.1
"""Seconds before the first try: a camera that only dropped the connection is back at once."""
MOST = 1.5
"""Seconds at most between two tries, so that a camera is found within 2 s of its return."""
STABLE = 10.0
"""Seconds a connection must have lasted for the waits to start small again."""


class Backoff:
    """Waits that double up to a limit, each cut by chance so that a hundred cameras behind one
    switch do not all come back in the same millisecond.

    Pure: it neither sleeps nor looks at a clock, and with a seed it says the same again.
    """

    def __init__(
        self,
        first_s: float = FIRST,
        most_s: float = MOST,
        stable_s: float = STABLE,
        seed: int | None = None,
    ) -> None:
        """Start at `first_s`, never pass `most_s`. Without a seed, chance is the machine's."""
        if not 0 < first_s <= most_s:
            raise ValueError(f"backoff: wanted 0 < first <= most, got {first_s} and {most_s}")
        self._first = first_s
        self._most = most_s
        self._stable = stable_s
        self._tries = 0
        self._chance = random.Random(seed)  # noqa: S311 - spreads load, keeps no secret

    def next(self, lasted_s: float = 0.0) -> float:
        """Seconds to wait now, between half of this try's limit and all of it.

        lasted_s  how long the connection that has just ended had given pictures. One that lasted
                  long enough starts the waits anew; one that keeps breaking off at once does not
        """
        if lasted_s >= self._stable:
            self.reset()
        # 2.0**63 s is an age: the exponent is held there so that it cannot overflow.
        limit = min(self._most, self._first * 2.0 ** min(self._tries, 63))
        self._tries += 1
        return limit * self._chance.uniform(0.5, 1.0)

    def reset(self) -> None:
        """The source is well: the next wait is a first one."""
        self._tries = 0
