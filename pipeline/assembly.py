"""From a config to the parts that run it: sources, stages, sinks, and the graph between them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from pipeline.config import NodeConfig, PipelineConfig
from pipeline.graph import CAPTURE, Graph, demand
from pipeline.isolation import IsolatedStage
from pipeline.overload import Governor
from pipeline.provenance import provenance
from pipeline.tuning import step_back
from pipeline.worker import Rules
from sinks.registry import find_sink
from sinks.sink import Change, GraphNode, Setting, Sink, SinkContext
from stages.capture import make_source
from stages.events import Event
from stages.lane import Lane
from stages.registry import find_stage
from stages.source import Source
from stages.stage import Runs, StageContext

Announce = Callable[[Event], None]
Alter = Callable[[str, Change], Awaitable[tuple[Setting, Setting]]]
"""Changes an option for a sink, by its name."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """Everything a pipeline is made of, ready to start.

    stages  by node; sinks by node
    """

    sources: Mapping[str, Source]
    stages: Mapping[str, Runs]
    sinks: Mapping[str, Sink]
    graph: Graph
    governor: Governor


async def assemble(config: PipelineConfig, announce: Announce, change: Alter) -> Assembly:
    """Make all parts: models are opened side by side, sinks are made but not opened.

    raises  StageError, ModelError, StageFailed when a stage or source cannot be made; those that
            had been made are closed again
    """
    lanes = {name: Lane() for name in config.streams}
    sources = {
        name: make_source(name, stream.options, demand(config, name), config.folder, lanes[name])
        for name, stream in config.streams.items()
    }
    patient = frozenset(name for name, source in sources.items() if not source.live)
    sinks = {
        name: find_sink(box.sink)(
            box.options, _sink_context(name, config, lanes, patient, announce, change)
        )
        for name, box in config.sinks.items()
    }
    governor = Governor({name: stream.priority for name, stream in config.streams.items()})
    overload = {
        name: governor.filter(fed_by_capture=CAPTURE in box.inputs, optional=box.optional)
        for name, box in config.graph.items()
    }
    graph = Graph(config, {name: source.live for name, source in sources.items()}, overload)
    stages = await _make_stages(config, announce)
    return Assembly(sources, stages, sinks, graph, governor)


def rules(box: NodeConfig) -> Rules:
    """How a node's worker treats its stage."""
    return Rules(
        batch=box.batch.max,
        wait=box.batch.wait_ms / 1000,
        parallel=box.parallel,
        on_error=box.on_error,
        patience=box.errors_max,
        nice=_nice(box),
        # A process of its own keeps the time itself: it can be ended.
        hang=None if box.isolation == "process" else box.hang_s,
    )


def _sink_context(
    name: str,
    config: PipelineConfig,
    lanes: Mapping[str, Lane],
    patient: frozenset[str],
    announce: Announce,
    change: Alter,
) -> SinkContext:
    streams, guards = config.streams_of(name), config.guards_of(name)
    condition = config.sinks[name].condition
    # A guarded stream has no lane: whatever a sink does, it cannot pass on what is to be hidden.
    own = {stream: lanes[stream] for stream in streams if stream not in guards}
    graph = {
        node: GraphNode(box.stage, tuple(box.inputs), config.streams_of(node), box.options)
        for node, box in config.graph.items()
    }
    return SinkContext(
        name, streams, config.folder, guards, own,
        inputs=tuple(config.sinks[name].inputs), graph=graph,
        patient=patient.intersection(streams),
        when=None if condition is None else condition.holds,
        announce=announce, origin=partial(provenance, config), change=partial(change, name),
    )  # fmt: skip


async def _make_stages(config: PipelineConfig, announce: Announce) -> dict[str, Runs]:
    making = {
        name: _aside(partial(_make_stage, name, box, config, announce), _nice(box))
        for name, box in config.graph.items()
    }
    made = await asyncio.gather(*making.values(), return_exceptions=True)
    errors = [one for one in made if isinstance(one, BaseException)]
    stages = {
        name: one for name, one in zip(making, made, strict=True)
        if not isinstance(one, BaseException)
    }  # fmt: skip
    if errors:
        for stage in stages.values():
            stage.close()
        raise errors[0]
    return stages


def _nice(box: NodeConfig) -> int:
    """Of a node's threads in this process.

    Before a stage in a process of its own they only hand over and wait. If they stepped back with
    Python's lock in hand, all others would wait for them; the other process does, once it is ready.
    """
    return box.nice if box.isolation == "thread" else 0


async def _aside(make: Callable[[], Runs], nice: int) -> Runs:
    """Make a stage in a thread of its own: the threads of its model inherit how nice that is."""
    with ThreadPoolExecutor(1, initializer=step_back, initargs=(nice,)) as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, make)


def _make_stage(name: str, box: NodeConfig, config: PipelineConfig, announce: Announce) -> Runs:
    kind = find_stage(box.stage, config.folder)
    inputs = tuple(one for one in box.inputs if one != CAPTURE)
    context = StageContext(
        name, box.device, box.parallel, config.folder, box.precision, inputs, announce, box.nice
    )
    if box.isolation == "process":
        return IsolatedStage(
            box.stage,
            box.options,
            context,
            stateless=kind.stateless,
            announce=announce,
            hang=box.hang_s,
        )
    return kind(box.options, context)
