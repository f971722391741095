"""The link: the bounded queue before a node, one lane a stream.

Lanes keep streams apart: a camera that floods the node loses its own frames, not another's. A link
takes no lock of its own; the node that owns it does.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.gate import Gate
from sinks.sink import Delivery

Policy = Literal["block", "drop_oldest", "latest"]


@dataclass(frozen=True, slots=True)
class Drop:
    """A delivery that a link let go, and why."""

    delivery: Delivery
    reason: str


class Lane:
    """One stream's frames before a node, the oldest first.

    policy    "block": nothing is lost, the stream's gate is held while the lane is full;
              "drop_oldest": the oldest gives way; "latest": only the newest stays
    capacity  frames that may wait; 1 for "latest"
    """

    __slots__ = ("_gate", "_holding", "capacity", "policy", "waiting")

    def __init__(self, policy: Policy, capacity: int, gate: Gate) -> None:
        self.policy = policy
        self.capacity = 1 if policy == "latest" else capacity
        self.waiting: deque[Delivery] = deque()
        self._gate = gate
        self._holding = False

    def put(self, delivery: Delivery) -> Drop | None:
        """Add the newest; give back the one that had to make room for it."""
        self.waiting.append(delivery)
        if self.policy == "block":
            if not self._holding and len(self.waiting) >= self.capacity:
                self._holding = True
                self._gate.hold()
            return None
        if len(self.waiting) <= self.capacity:
            return None
        return Drop(self.waiting.popleft(), "replaced" if self.policy == "latest" else "full")

    def pop(self) -> Delivery:
        """Take the oldest."""
        delivery = self.waiting.popleft()
        if self._holding and len(self.waiting) < self.capacity:
            self._holding = False
            self._gate.release()
        return delivery


class Link:
    """The lanes before a node, taken from in turn.

    max_age  seconds since its arrival after which a frame is not worth the work; None: for ever
    """

    def __init__(self, lanes: Mapping[str, Lane], max_age: float | None = None) -> None:
        self._lanes = lanes
        self._max_age = max_age
        self._turn: deque[str] = deque()  # streams with something waiting, the next one first
        self.depth = 0
        self.capacity = sum(lane.capacity for lane in lanes.values())
        self.oldest = 0.0  # monotonic seconds at which the link was last empty and got a frame

    def put(self, delivery: Delivery, now: float) -> Drop | None:
        """Add a frame to its stream's lane; give back what had to make room."""
        stream = delivery.frame.stream
        lane = self._lanes[stream]
        if self.depth == 0:
            self.oldest = now
        if not lane.waiting:
            self._turn.append(stream)
        dropped = lane.put(delivery)
        if dropped is None:
            self.depth += 1
        return dropped

    def take(self, most: int, now: float) -> tuple[list[Delivery], list[Drop]]:
        """Up to `most` frames, one stream after the other, and those that had grown too old."""
        batch: list[Delivery] = []
        aged: list[Drop] = []
        while self._turn and len(batch) < most:
            stream = self._turn.popleft()
            lane = self._lanes[stream]
            delivery = lane.pop()
            self.depth -= 1
            if lane.waiting:
                self._turn.append(stream)
            if self._max_age is not None and now - delivery.frame.arrived > self._max_age:
                aged.append(Drop(delivery, "age"))
            else:
                batch.append(delivery)
        self.oldest = now
        return batch, aged

    def clear(self) -> Iterator[Delivery]:
        """Take out everything."""
        while self._turn:
            lane = self._lanes[self._turn.popleft()]
            while lane.waiting:
                self.depth -= 1
                yield lane.pop()
