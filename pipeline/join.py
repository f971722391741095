"""The join: where a frame waits for what several nodes say about it.

Every frame is announced to the join when it is captured. Each input then answers once for each
frame, with a result or with nothing, because the ledger makes every node do so. Frames leave in the
order of their capture, so one that is still being worked on holds back the later ones of its
stream, for at most `patience`. A join takes no lock of its own; the node that owns it does.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sinks.sink import Delivery
from stages.frame import Frame

MOST = 64  # frames: two and a half seconds at 25 a second, 90 MB at 720p


@dataclass(slots=True)
class Waiting:
    """A frame that has not yet heard from all inputs."""

    frame: Frame
    missing: set[str]
    answered: list[str]


class Join:
    """Frames on their way to a node with several inputs.

    inputs    by stream: the names of those that carry it
    patience  seconds since a frame's arrival for which it waits; None: until all have answered
    live      streams that cannot be held back: at most MOST of their frames wait, so that a stage
              that hangs costs no more memory than that; then the oldest leaves with what was said
    late      answers that came after their frame had left
    """

    def __init__(
        self,
        inputs: Mapping[str, tuple[str, ...]],
        patience: float | None = None,
        live: Collection[str] = (),
    ) -> None:
        self.inputs = inputs
        self.patience = patience
        self._live = frozenset(live)
        self.late = 0
        self._waiting: dict[str, dict[int, Waiting]] = {}

    def expect(self, frame: Frame) -> None:
        """A frame has been captured; frames of a stream are announced in their order."""
        lane = self._waiting.setdefault(frame.stream, {})
        lane[frame.seq] = Waiting(frame, set(self.inputs[frame.stream]), [])

    def answer(self, frame: Frame, node: str, *, said: bool) -> None:
        """An input is through with a frame; `said` tells whether it left a result."""
        waiting = self._waiting[frame.stream].get(frame.seq)
        if waiting is None:
            self.late += said
            return
        waiting.missing.discard(node)
        if said:
            waiting.answered.append(node)

    def ready(self, stream: str, now: float) -> Iterator[Delivery]:
        """Take out the frames of a stream that need wait no longer, in order.

        `nodes` of each names those inputs that left a result; it is empty when none did.
        """
        lane = self._waiting.get(stream, {})
        while lane:
            seq, head = next(iter(lane.items()))
            crowded = len(lane) > MOST and stream in self._live
            if head.missing and not crowded and not self._out_of_patience(head.frame, now):
                return
            del lane[seq]
            yield Delivery(head.frame, tuple(n for n in self.inputs[stream] if n in head.answered))

    def clear(self) -> Iterator[Frame]:
        """Take out everything."""
        for lane in self._waiting.values():
            while lane:
                yield lane.pop(next(iter(lane))).frame

    def _out_of_patience(self, frame: Frame, now: float) -> bool:
        return self.patience is not None and now - frame.arrived > self.patience
