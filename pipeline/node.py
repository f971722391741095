"""A node: where frames arrive, wait their turn, and end in exactly one way.

    arrive -> join (if several inputs) -> filters -> link -> take -> (worker) -> finish -> outputs

Whatever becomes of a frame here, every output hears of it, so that no join ever waits for a frame
that will not come. A node runs nothing itself: a worker takes batches from it and hands back what
became of them. No lock is held while another node is called.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pipeline.batch import Batch, Outcome, Tracing
from pipeline.expression import ConditionError
from pipeline.filters import Filter
from pipeline.join import Join
from pipeline.ledger import Account, Balance
from pipeline.link import Drop, Link
from pipeline.newest import Newest
from sinks.sink import Delivery
from stages.frame import Frame


class Node:
    """One node's frames.

    inputs    by stream: the names of the nodes that feed this one
    link      where they wait
    join      where they wait for each other's results; None where each arrival stands for itself
    filters   asked in turn before a frame may wait in the link
    outputs   by stream: the nodes that this one feeds, filled in by the graph
    newest    what nodes that it does not wait for have said; None where there are none
    listeners those that keep what this one said last, filled in by the graph
    tracing   who makes traces of frames, or None
    """

    def __init__(
        self,
        name: str,
        inputs: Mapping[str, tuple[str, ...]],
        link: Link,
        *,
        join: Join | None = None,
        filters: Sequence[Filter] = (),
        newest: Newest | None = None,
    ) -> None:
        self.name = name
        self.inputs = inputs
        self.streams = tuple(inputs)
        self.join = join
        self.outputs: dict[str, list[Node]] = {stream: [] for stream in inputs}
        self.newest = newest
        self.listeners: list[Newest] = []
        self.on_arrival: Callable[[], None] | None = None
        self.tracing: Tracing | None = None
        self._link = link
        self._filters = filters
        self._accounts = {stream: Account() for stream in inputs}
        self._changed = threading.Condition()
        self._refusal: str | None = None  # why frames are no longer let in
        self._pause: str | None = None  # why they are not let in for now
        self._ended = False
        self._abandoned = False
        self._ticket = 0
        self._next = 0
        self._finished: dict[int, tuple[Batch, Sequence[Outcome]]] = {}
        self._delivering = False

    def balances(self) -> Mapping[str, Balance]:
        """What became of the frames so far, by stream."""
        with self._changed:
            return {stream: account.view() for stream, account in self._accounts.items()}

    @property
    def depth(self) -> int:
        """Frames waiting in the link."""
        return self._link.depth

    @property
    def in_flight(self) -> int:
        """Frames that are here and have not ended."""
        with self._changed:
            return sum(account.in_flight for account in self._accounts.values())

    # What comes in ---------------------------------------------------------------------------

    def expect(self, frame: Frame) -> None:
        """A frame was captured: the join will hear of it from every input."""
        if self.join is not None:
            with self._changed:
                self._accounts[frame.stream].enter()
                self.join.expect(frame)

    def arrive(self, frame: Frame, origin: str, *, said: bool) -> None:
        """An input is through with a frame; `said` tells whether it left a result."""
        now = time.monotonic()
        lost: list[Frame] = []
        with self._changed:
            if self.tracing is not None:
                self.tracing.waits(self.name, frame, now, once=self.join is not None)
            if self.join is None:
                self._accounts[frame.stream].enter()
                self._admit(Delivery(frame, (origin,) if said else ()), now, lost)
            else:
                self.join.answer(frame, origin, said=said)
                for delivery in self.join.ready(frame.stream, now):
                    self._admit(delivery, now, lost)
            waiting = self._link.depth > 0
            if waiting:
                self._changed.notify()
        self._pass_over(lost)
        # Nobody is woken for a frame that is not let in: a node that wants few of them would be
        # woken for all.
        if waiting and self.on_arrival is not None:
            self.on_arrival()

    def hurry(self, now: float) -> None:
        """Let go of the frames that have waited in the join for longer than it is patient."""
        if self.join is None or self.join.patience is None:
            return
        lost: list[Frame] = []
        with self._changed:
            for stream in self.streams:
                for delivery in self.join.ready(stream, now):
                    self._admit(delivery, now, lost)
            waiting = self._link.depth > 0
            if waiting:
                self._changed.notify()
        self._pass_over(lost)
        if waiting and self.on_arrival is not None:
            self.on_arrival()

    def _admit(self, delivery: Delivery, now: float, lost: list[Frame]) -> None:
        account = self._accounts[delivery.frame.stream]
        try:
            reason = self._refusal or self._pause or self._reason_against(delivery)
        except ConditionError:
            account.fail("condition")
            lost.append(delivery.frame)
            self._trace_loss(delivery.frame, "condition")
            return
        if reason is not None:
            self._let_go(Drop(delivery, reason), lost)
            return
        dropped = self._link.put(delivery, now)
        if dropped is not None:
            self._let_go(dropped, lost)

    def _reason_against(self, delivery: Delivery) -> str | None:
        if not delivery.nodes:
            return "upstream"
        for permit in self._filters:
            reason = permit(delivery.frame)
            if reason is not None:
                return reason
        return None

    def _let_go(self, drop: Drop, lost: list[Frame]) -> None:
        frame = drop.delivery.frame
        self._accounts[frame.stream].drop(drop.reason)
        lost.append(frame)
        self._trace_loss(frame, drop.reason)

    def _trace_loss(self, frame: Frame, reason: str) -> None:
        if self.tracing is not None:
            self.tracing.let_go(self.name, frame, reason, time.monotonic())

    def _pass_over(self, lost: Sequence[Frame]) -> None:
        for frame in lost:
            for output in self.outputs[frame.stream]:
                output.arrive(frame, self.name, said=False)

    # What is worked on -----------------------------------------------------------------------

    def take(self, most: int, patience: float = 0.0) -> tuple[Batch | None, float | None]:
        """Up to `most` frames, or nothing yet and the seconds until there will be something.

        patience  how long the first frame of a batch may wait for others
        returns   (batch, None); (None, seconds) while a batch is filling; (None, None) when empty
        """
        lost: list[Frame] = []
        with self._changed:
            taken = self._take(most, patience, lost)
        self._pass_over(lost)
        return taken

    def wait(self, most: int, patience: float = 0.0) -> Batch | None:
        """Block until there is a batch. None when the node has ended and nothing is left."""
        while True:
            lost: list[Frame] = []
            with self._changed:
                batch, due = self._take(most, patience, lost)
                if batch is None and not lost:
                    if self._ended and self._link.depth == 0:
                        return None
                    self._changed.wait(due)
            self._pass_over(lost)
            if batch is not None:
                return batch

    def _take(
        self, most: int, patience: float, lost: list[Frame]
    ) -> tuple[Batch | None, float | None]:
        now = time.monotonic()
        if self._link.depth == 0:
            return None, None
        due = self._link.oldest + patience - now
        enough = min(most, self._link.capacity)  # for more there is no room to wait in
        if self._link.depth < enough and due > 0 and not self._ended:
            return None, due
        deliveries, aged = self._link.take(most, now)
        for drop in aged:
            self._let_go(drop, lost)
        if not deliveries:
            return None, 0.0
        if self.newest is not None:
            deliveries = [replace(d, recent=self.newest.about(d.frame)) for d in deliveries]
        if self.tracing is not None:
            self.tracing.taken(self.name, deliveries, now)
        batch = Batch(self._ticket, deliveries)
        self._ticket += 1
        return batch, None

    def finish(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Account for a batch and tell the outputs, in the order in which batches were taken."""
        if self.tracing is not None:
            self.tracing.finished(self.name, batch.deliveries, outcomes, time.monotonic())
        with self._changed:
            self._finished[batch.ticket] = (batch, outcomes)
            if self._delivering:
                return
            self._delivering = True
        while True:
            with self._changed:
                entry = self._finished.pop(self._next, None)
                if entry is None:
                    self._delivering = False
                    return
                self._next += 1
            self._deliver(*entry)

    def _deliver(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        for delivery, outcome in zip(batch.deliveries, outcomes, strict=True):
            for listener in self.listeners if outcome.said else ():
                listener.hear(self.name, delivery.frame)
            for output in self.outputs[delivery.frame.stream]:
                output.arrive(delivery.frame, self.name, said=outcome.said)
        with self._changed:
            if self._abandoned:
                return
            for delivery, outcome in zip(batch.deliveries, outcomes, strict=True):
                account = self._accounts[delivery.frame.stream]
                if outcome.failed is None:
                    account.finish()
                else:
                    account.fail(outcome.failed)

    # How it ends -----------------------------------------------------------------------------

    def refuse(self, reason: str) -> None:
        """Let no frame in any more, and let go of those that wait."""
        with self._changed:
            self._refusal = reason
        self._empty(reason)

    def pause(self, reason: str) -> None:
        """The same until `resume`."""
        with self._changed:
            self._pause = reason
        self._empty(reason)

    def resume(self) -> None:
        """Let frames in again after a `pause`."""
        with self._changed:
            self._pause = None

    def _empty(self, reason: str) -> None:
        lost: list[Frame] = []
        with self._changed:
            for delivery in self._link.clear():
                self._let_go(Drop(delivery, reason), lost)
        self._pass_over(lost)

    def end(self) -> None:
        """Nothing more will come: workers leave when the link is empty."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self.on_arrival is not None:
            self.on_arrival()

    @property
    def ended(self) -> bool:
        """Nothing more will come, and nothing waits."""
        return self._ended and self._link.depth == 0

    def abandon(self) -> int:
        """Give up what is still in flight: frames in a worker that does not come back.

        returns  how many frames that were
        """
        with self._changed:
            self._abandoned = True
            given_up = 0
            for account in self._accounts.values():
                while account.in_flight:
                    account.fail("abandoned")
                    given_up += 1
            return given_up
