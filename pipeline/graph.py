"""The graph: the nodes of a config, wired. It knows where frames go, not who works on them."""

import time
from collections.abc import Iterator, Mapping
from math import gcd

from pipeline.config import NodeConfig, PipelineConfig, SinkConfig
from pipeline.filters import AtMost, EveryNth, Filter, When
from pipeline.gate import Gate
from pipeline.join import Join
from pipeline.ledger import Balance, Ledger
from pipeline.link import Lane, Link, Policy
from pipeline.newest import Newest
from pipeline.node import Node
from sinks.registry import find_sink
from stages.frame import Frame
from stages.source import Demand

CAPTURE = "capture"


class Graph:
    """All nodes of a pipeline, sinks among them, in an order in which inputs come first.

    nodes  by name
    gates  by stream: where its capture waits while a blocking link is full
    """

    def __init__(
        self, config: PipelineConfig, live: Mapping[str, bool], overload: Mapping[str, Filter]
    ) -> None:
        """Wire the nodes.

        live      by stream: its source cannot be made to wait
        overload  by node: what keeps frames from it under overload
        """
        self.gates = {stream: Gate() for stream in config.streams}
        self.nodes: dict[str, Node] = {}
        self._live = live
        self._captured = dict.fromkeys(config.streams, 0)
        self._entrances: dict[str, list[Node]] = {stream: [] for stream in config.streams}
        self._joins: dict[str, list[Node]] = {stream: [] for stream in config.streams}
        for name, box in in_order(config):
            self._add(name, box, config, overload.get(name))

    def enter(self, frame: Frame) -> None:
        """Let a captured frame in, from its stream's capture thread."""
        for node in self._joins[frame.stream]:
            node.expect(frame)
        for node in self._entrances[frame.stream]:
            node.arrive(frame, CAPTURE, said=True)
        self._captured[frame.stream] += 1

    @property
    def patient(self) -> bool:
        """Whether any join waits for a limited time only, so that `hurry` has something to do."""
        joins = (node.join for node in self.nodes.values())
        return any(join is not None and join.patience is not None for join in joins)

    def hurry(self) -> None:
        """Let joins give up on what is late. To be called every few milliseconds."""
        now = time.monotonic()
        for node in self.nodes.values():
            node.hurry(now)

    def ledger(self) -> Ledger:
        """What became of every frame, capture first."""
        captured = {s: Balance(n, n, {}, {}, 0) for s, n in self._captured.items()}
        return {CAPTURE: captured} | {n: node.balances() for n, node in self.nodes.items()}

    def _add(
        self,
        name: str,
        box: NodeConfig | SinkConfig,
        config: PipelineConfig,
        overload: Filter | None,
    ) -> None:
        streams = config.streams_of(name)
        feeding = {
            stream: tuple(i for i in box.inputs if self._carries(i, stream)) for stream in streams
        }
        each, lane = _ways(config, name)
        if lane:
            feeding = {s: tuple(i for i in of if i != CAPTURE) for s, of in feeding.items()}
        join = None
        if not each and any(len(inputs) > 1 for inputs in feeding.values()):
            patience = None if box.join_ms is None else box.join_ms / 1000
            join = Join(feeding, patience, [stream for stream in feeding if self._live[stream]])
        lanes = {
            stream: Lane(self._policy(box, stream), config.queue_of(name), self.gates[stream])
            for stream in streams
        }
        link = Link(lanes, None if box.max_age_ms is None else box.max_age_ms / 1000)
        recent = box.recent if isinstance(box, SinkConfig) else ()
        newest = Newest(recent) if recent else None
        filters = list(_filters(box, overload))
        node = Node(name, feeding, link, join=join, filters=filters, newest=newest)
        self.nodes[name] = node
        if newest is not None:
            for origin in recent:
                self.nodes[origin].listeners.append(newest)
        for stream, inputs in feeding.items():
            if join is not None:
                self._joins[stream].append(node)
            for origin in inputs:
                if origin == CAPTURE and isinstance(box, SinkConfig):
                    # Before the nodes, which would all be at work when the sink hears of it.
                    self._entrances[stream].insert(0, node)
                elif origin == CAPTURE:
                    self._entrances[stream].append(node)
                else:
                    self.nodes[origin].outputs[stream].append(node)

    def _carries(self, origin: str, stream: str) -> bool:
        return origin == CAPTURE or stream in self.nodes[origin].streams

    def _policy(self, box: NodeConfig | SinkConfig, stream: str) -> Policy:
        if box.policy == "auto":
            return "drop_oldest" if self._live[stream] else "block"
        return box.policy


def _ways(config: PipelineConfig, name: str) -> tuple[bool, bool]:
    """How frames reach a node or a sink.

    returns  whether each result comes by itself; and whether `capture` stands for the packet lane
    """
    box = config.sinks.get(name)
    if box is None:
        return False, False
    kind = find_sink(box.sink)
    each = kind.mode_for(box.options, guarded=bool(config.guards_of(name))) == "each"
    return each, each and kind.lane


def in_order(config: PipelineConfig) -> Iterator[tuple[str, NodeConfig | SinkConfig]]:
    """The nodes, each after its inputs, and then the sinks."""
    left = dict(config.graph)
    while left:
        ready = [n for n, box in left.items() if not any(i in left for i in box.inputs)]
        if not ready:
            raise ValueError(f"the graph goes in a circle: {', '.join(left)}")
        for name in ready:
            yield name, left.pop(name)
    yield from config.sinks.items()


def demand(config: PipelineConfig, stream: str) -> Demand:
    """Which pictures of a stream anyone will look at: all, unless every reader asks for fewer.

    Of readers with `every`, the pictures that any of them wants lie on the multiples of what their
    numbers have in common. A reader with both keys counts the rate among its own nth pictures, so
    the first of each period may be none of them. Who takes packets asks for no picture.
    """
    boxes: Mapping[str, NodeConfig | SinkConfig] = {**config.graph, **config.sinks}
    readers = [
        box
        for name, box in boxes.items()
        if CAPTURE in box.inputs
        and stream in config.streams_of(name)
        and not _ways(config, name)[1]
    ]
    if not readers:
        return Demand(fps=0)
    nths = [reader.every for reader in readers if reader.every is not None]
    if nths and len(nths) == len(readers):
        return Demand(every=gcd(*nths))
    rates = [reader.fps for reader in readers if reader.fps is not None]
    if rates and len(rates) == len(readers) and not nths:
        return Demand(fps=max(rates))
    return Demand()


def _filters(box: NodeConfig | SinkConfig, overload: Filter | None) -> Iterator[Filter]:
    if box.every is not None:
        yield EveryNth(box.every)
    if box.fps is not None:
        yield AtMost(box.fps)
    if overload is not None:
        yield overload
    judges = isinstance(box, SinkConfig) and find_sink(box.sink).judges
    if box.condition is not None and not judges:
        yield When(box.condition)
