"""A sink that cannot write loses its own deliveries, and says so once."""

import asyncio
from collections.abc import Sequence

from pipeline.gate import Gate
from pipeline.link import Lane, Link
from pipeline.node import Node
from pipeline.sink_worker import SinkWorker
from sinks.errors import SinkLost
from sinks.sink import Delivery, Sink, SinkContext
from stages.events import Event
from stages.stage import Options
from tests.factory import grey_frame


class Fragile(Sink):
    """Fails at frames of odd numbers while it is broken."""

    broken = True

    def __init__(self, options: Options, context: SinkContext) -> None:
        self.written = asyncio.Event()

    async def write(self, batch: Sequence[Delivery]) -> None:
        self.written.set()
        if self.broken and any(delivery.frame.seq % 2 for delivery in batch):
            raise SinkLost("the disk is full")


async def test_it_is_lost_once_and_back_when_it_has_written_for_a_while() -> None:
    events = list[Event]()
    moments = [100.0]
    node = Node("file", {"a": ("capture",)}, Link({"a": Lane("block", 99, Gate())}))
    sink = Fragile(Options(), SinkContext("file", ("a",)))
    worker = SinkWorker(node, sink, lambda: None, events.append, lambda: moments[0])
    task = asyncio.create_task(worker.run())

    async def send(seq: int, later: float) -> None:
        moments[0] += later
        sink.written.clear()
        node.arrive(grey_frame(seq), "capture", said=True)
        await sink.written.wait()

    for seq in range(6):  # every other one is written
        await send(seq, 0.5)
    assert [(event.name, event.about) for event in events] == [("sink.lost", "file")]
    assert events[0].detail == {"error": "SinkLost: the disk is full"}
    sink.broken = False
    await send(6, 0.5)
    assert len(events) == 1
    await send(7, 0.5)
    node.end()
    await task
    assert events[1].name == "sink.back"
    assert events[1].detail == {"away_s": 3.0, "failed": 3}
    balance = node.balances()["a"]
    assert balance.balanced
    assert balance.failed == {"SinkLost": 3}
