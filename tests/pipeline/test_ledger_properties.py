"""Random graphs, policies, failures and speeds: the ledger balances and every join ends.

No thread runs here. The test is the scheduler: at each step it lets a frame in, or takes a batch
from a node and holds it, or finishes a batch that it held, so that hypothesis can try every order
in which real workers could do so, and play it again.
"""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.batch import SAID, SILENT, Batch, Outcome
from pipeline.config import NodeConfig, PipelineConfig, SinkConfig, StreamConfig
from pipeline.graph import CAPTURE, Graph
from pipeline.ledger import Balance
from pipeline.node import Node
from stages.capture.options import CaptureOptions
from tests.factory import detections, grey_frame, nothing

STREAMS = ("a", "b")
FAILED = Outcome(failed="Boom")
POLICIES = st.sampled_from(["auto", "block", "drop_oldest", "latest"])
BOX = {
    "policy": POLICIES,
    "queue": st.integers(1, 3),
    "every": st.none() | st.integers(1, 3),
    "fps": st.none() | st.sampled_from([5.0, 12.5]),
    "streams": st.none() | st.sampled_from([("a",), ("b",), ("a", "b")]),
}


@st.composite
def configs(draw: st.DrawFn) -> PipelineConfig:
    """A graph of up to five nodes and two sinks."""
    graph: dict[str, NodeConfig] = {}
    for index in range(draw(st.integers(1, 5))):
        keys = {key: draw(values) for key, values in BOX.items()}
        known = [CAPTURE, *graph]
        inputs = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True))
        before = [name for name in inputs if name != CAPTURE]
        if before and draw(st.booleans()):
            keys["when"] = f"{before[0]}.count > 0"
        graph[f"n{index}"] = NodeConfig(stage="detect", inputs=tuple(inputs), **keys)
    sinks = {}
    for index in range(draw(st.integers(1, 2))):
        keys = {key: draw(values) for key, values in BOX.items()}
        inputs = draw(
            st.lists(st.sampled_from([CAPTURE, *graph]), min_size=1, max_size=3, unique=True)
        )
        kind = draw(st.sampled_from(["null", "mp4"]))
        sinks[f"s{index}"] = SinkConfig(sink=kind, inputs=tuple(inputs), **keys)
    streams = {name: StreamConfig(options=CaptureOptions(source="testcard")) for name in STREAMS}
    try:
        return PipelineConfig(streams=streams, graph=graph, sinks=sinks)
    except ValidationError:  # a node whose inputs cover none of its streams
        reject()


@dataclass
class Scheduler:
    """Plays the capture threads and the workers of a graph."""

    graph: Graph
    captured: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STREAMS, 0))
    held: list[tuple[Node, Batch]] = field(default_factory=list)
    seen: dict[tuple, int] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)

    def enter(self, stream: str) -> None:
        if self.graph.gates[stream].open:
            self.graph.enter(grey_frame(self.captured[stream], stream=stream))
            self.captured[stream] += 1

    def take(self, node: Node, most: int) -> None:
        batch, _ = node.take(most)
        if batch is not None:
            self._check_order(node, batch)
            self.held.append((node, batch))

    def finish(self, which: int, outcomes: list[Outcome]) -> None:
        if self.held:
            node, batch = self.held.pop(which % len(self.held))
            ended = [outcomes[i % len(outcomes)] for i in range(len(batch.deliveries))]
            for delivery, outcome in zip(batch.deliveries, ended, strict=True):
                if outcome.said and node.outputs[delivery.frame.stream]:
                    found = detections() if delivery.frame.seq % 2 else nothing()
                    delivery.frame.say(node.name, found)
            self.failed[node.name] += ended.count(FAILED)
            node.finish(batch, ended)

    def check(self) -> None:
        for node, balances in self.graph.ledger().items():
            for stream, balance in balances.items():
                assert balance.balanced, (node, stream, balance)
                assert balance.in_flight >= 0, (node, stream, balance)

    def drain(self) -> None:
        while any(node.in_flight for node in self.graph.nodes.values()):
            before = self.graph.ledger()
            for node in self.graph.nodes.values():
                self.take(node, 8)
            while self.held:
                self.finish(0, [SAID])
            assert self.graph.ledger() != before, "a frame waits for something that never comes"

    def _check_order(self, node: Node, batch: Batch) -> None:
        for delivery in batch.deliveries:
            frame = delivery.frame
            origin = delivery.nodes if node.join is None else ()
            key = (node.name, frame.stream, origin)
            assert frame.seq > self.seen.get(key, -1), f"{key}: out of order"
            self.seen[key] = frame.seq


steps = st.one_of(
    st.tuples(st.just("enter"), st.sampled_from(STREAMS)),
    st.tuples(st.just("take"), st.integers(0, 6), st.integers(1, 4)),
    st.tuples(
        st.just("finish"),
        st.integers(0, 9),
        st.lists(st.sampled_from([SAID, SILENT, FAILED]), min_size=1, max_size=4),
    ),
)


@settings(max_examples=300, deadline=None)
@given(configs(), st.lists(steps, min_size=40, max_size=150), st.booleans())
def test_the_ledger_balances_at_every_step_and_every_join_ends(
    config: PipelineConfig, script: list[tuple], live: bool
) -> None:
    graph = Graph(config, dict.fromkeys(STREAMS, live), {})
    scheduler = Scheduler(graph)
    nodes = list(graph.nodes.values())
    for step in script:
        match step:
            case ("enter", stream):
                scheduler.enter(stream)
            case ("take", which, most):
                scheduler.take(nodes[which % len(nodes)], most)
            case ("finish", which, outcomes):
                scheduler.finish(which, outcomes)
        scheduler.check()
    scheduler.drain()
    scheduler.check()
    for name, balances in graph.ledger().items():
        assert Balance.total(balances.values()).failed.get("Boom", 0) == scheduler.failed[name]
        for stream, balance in balances.items():
            node = graph.nodes.get(name)
            arrivals = len(node.inputs[stream]) if node is not None and node.join is None else 1
            assert balance.entered == scheduler.captured[stream] * arrivals, (name, stream)


@settings(max_examples=100, deadline=None)
@given(configs(), st.lists(steps, max_size=60), st.sampled_from(["n0", "s0"]))
def test_a_node_that_refuses_holds_nobody_up(
    config: PipelineConfig, script: list[tuple], name: str
) -> None:
    graph = Graph(config, dict.fromkeys(STREAMS, True), {})
    scheduler = Scheduler(graph)
    for number, step in enumerate(script):
        if number == len(script) // 2:
            graph.nodes[name].refuse("removed")
        if step[0] == "enter":
            scheduler.enter(step[1])
        elif step[0] == "take":
            nodes = list(graph.nodes.values())
            scheduler.take(nodes[step[1] % len(nodes)], step[2])
        scheduler.check()
    scheduler.drain()
    scheduler.check()
