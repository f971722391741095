"""The ledger: what became of every frame, at every node.

For each node and stream, at every moment:

    entered = done + dropped + failed + in_flight

`in_flight` is counted where frames wait and run, not worked out as the difference, so that the sum
is a check and not a definition. The node's own lock guards its accounts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

LEFT_OUT = frozenset({"fps", "every", "when", "upstream"})
"""Why frames are dropped that the node was not to have: the config says so, or a node before it has
nothing to say."""


@dataclass(slots=True)
class Account:
    """One node's frames of one stream.

    A sink that takes every result as it comes (mode "each") and has several inputs meets a frame
    once from each of them: there, a frame counts as often as it has inputs. Everywhere else a frame
    counts once.

    entered    frames that reached the node, those included that an earlier node had let go
    done       frames it finished
    dropped    by reason: "full", "replaced", "age", "fps", "every", "when", "rate", "optional",
               "upstream" (no input had anything to say), "removed" (the stage was taken out),
               "hung" (all threads of the stage hang), "shutdown"
    failed     by reason: the name of the error's class, "worker lost", "hung", "condition",
               "abandoned" (still being worked on when the pipeline had to end)
    in_flight  waiting in a join or a link, or being worked on
    """

    entered: int = 0
    done: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0

    def enter(self) -> None:
        """A frame reaches the node."""
        self.entered += 1
        self.in_flight += 1

    def finish(self) -> None:
        """A frame in flight is done."""
        self.in_flight -= 1
        self.done += 1

    def drop(self, reason: str) -> None:
        """A frame in flight is let go."""
        self.in_flight -= 1
        self.dropped[reason] += 1

    def fail(self, reason: str) -> None:
        """A frame in flight is lost to an error."""
        self.in_flight -= 1
        self.failed[reason] += 1

    def view(self) -> "Balance":
        """The account as it stands."""
        return Balance(
            self.entered, self.done, dict(self.dropped), dict(self.failed), self.in_flight
        )


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account held at one moment; see there what counts as a frame."""

    entered: int
    done: int
    dropped: Mapping[str, int]
    failed: Mapping[str, int]
    in_flight: int

    @property
    def balanced(self) -> bool:
        """Every frame that entered is accounted for."""
        spent = self.done + sum(self.dropped.values()) + sum(self.failed.values())
        return self.entered == spent + self.in_flight

    @property
    def lost(self) -> int:
        """Frames dropped that the node was to have."""
        return sum(n for reason, n in self.dropped.items() if reason not in LEFT_OUT)

    @staticmethod
    def total(balances: Iterable["Balance"]) -> "Balance":
        """Several accounts taken together."""
        entered = done = in_flight = 0
        dropped: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for one in balances:
            entered += one.entered
            done += one.done
            in_flight += one.in_flight
            dropped.update(one.dropped)
            failed.update(one.failed)
        return Balance(entered, done, dict(dropped), dict(failed), in_flight)


Ledger = Mapping[str, Mapping[str, Balance]]
"""By node, then by stream."""
