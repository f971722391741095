"""The contract of a sink: where results go."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from pydantic import BaseModel

from models.results import Result
from sinks.errors import Unchanged
from stages.events import Event, Value
from stages.frame import Frame
from stages.lane import Lane
from stages.stage import StageOptions, unheard

if TYPE_CHECKING:
    from starlette.routing import BaseRoute  # most sinks show nothing over HTTP

Mode = Literal["each", "frame"]


@dataclass(frozen=True, slots=True)
class Recent:
    """What a node that the sink does not wait for said last, about an earlier frame.

    age  seconds of stream time between that frame and this one
    """

    result: Result
    age: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """A frame that reaches a sink.

    frame  with its results
    nodes  the names of those of the sink's inputs that have said something about it: one name in
           mode "each", all that answered in mode "frame". "capture" stands for the frame itself
           and has no result.
    recent by node, for those under the sink's key `recent`
    """

    frame: Frame
    nodes: tuple[str, ...]
    recent: Mapping[str, Recent] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node of the graph, for sinks that show the graph itself.

    kind     its stage, by name
    inputs   nodes, or "capture"
    streams  that reach it
    """

    kind: str
    inputs: tuple[str, ...]
    streams: tuple[str, ...]
    options: BaseModel


Setting = Value | Mapping[str, float]
"""The value of an option that can be changed while it runs."""


@dataclass(frozen=True, slots=True)
class Change:
    """Another value for an option of a node, as somebody asks for it.

    command  the id of the command
    by       who asks, as they say; None if they do not
    """

    node: str
    option: str
    value: Setting
    command: str
    by: str | None = None


async def _unchanged(asked: Change) -> tuple[Setting, Setting]:
    raise Unchanged(f"{asked.node}.{asked.option}: wanted a pipeline that runs, got none")


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a sink is given beside its own options.

    node    its name in the config
    streams the names of the streams that can reach it
    guards  by stream: its privacy nodes, without whose word a picture of it is not to be shown
    folder  where relative paths of the config start
    lanes   by stream: its video as it comes in. A stream that is guarded has none
    inputs  of the sink: nodes, or "capture"
    graph   by name: all nodes, whether or not the sink reads from them
    patient the streams whose source can wait: who takes their packets may hold it up
    when    of a sink that `judges`: whether the config's `when` holds for these results; None if
            the config has none. Raises what the condition raises
    announce tells the pipeline of something that happened; from any thread
    origin  what results come from, as digests by name; may take a second
    change  gives an option its value, and gives back the values before and after; raises Unchanged
    """

    node: str
    streams: tuple[str, ...]
    folder: Path = Path()
    guards: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lanes: Mapping[str, Lane] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    graph: Mapping[str, GraphNode] = field(default_factory=dict)
    patient: frozenset[str] = frozenset()
    when: Callable[[Mapping[str, Result]], bool] | None = None
    announce: Callable[[Event], None] = unheard
    origin: Callable[[], Mapping[str, str]] = dict
    change: Callable[[Change], Awaitable[tuple[Setting, Setting]]] = _unchanged


class Sink(Protocol):
    """Something that takes results away.

    Options  its own keys in the config
    mode     "each": every result is one delivery, as soon as it is there;
             "frame": one delivery for each frame, when all inputs have answered
    lane     it takes video from the packet lane. In mode "each", `capture` among its inputs stands
             for that, gives no deliveries, and asks for no picture to be decoded
    judges   `when` keeps nothing from it: it asks `SinkContext.when` itself

    Every method runs on the event loop and must not block it.
    """

    Options: ClassVar[type[StageOptions]] = StageOptions
    mode: ClassVar[Mode] = "each"
    lane: ClassVar[bool] = False
    judges: ClassVar[bool] = False

    @classmethod
    def mode_for(cls, options: BaseModel, *, guarded: bool) -> Mode:  # noqa: ARG003
        """Its mode with these options; `guarded`: where a privacy node guards one of its streams.

        By default the same for all.
        """
        return cls.mode

    def __init__(self, options: BaseModel, context: SinkContext) -> None:
        """Make it from its `Options`, without touching the world: that is for `open`."""
        ...

    async def open(self) -> None:
        """Get ready. Raises SinkError when it cannot."""
        return

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Take a batch away; it is done when this returns.

        raises  SinkError: the batch has failed, the sink goes on
        """
        ...

    async def announce(self, event: Event) -> None:  # noqa: ARG002 - most sinks carry no events
        """Pass on something that happened to the pipeline. By default not passed on."""
        return

    async def close(self) -> None:
        """Flush and let go. Called once, after the last write."""
        return

    def routes(self) -> "Sequence[BaseRoute]":
        """What the sink shows over HTTP, mounted in the pipeline's server."""
        return ()

    def counts(self) -> Mapping[str, float]:
        """What it counts beside the deliveries it was given, for the report and the metrics.

        By name, as Prometheus has it: in `a-z`, `0-9` and `_`, ending in `_total` if it only rises,
        after its unit where it has one: `sent_bytes_total`, `viewers`. The same names at any time,
        and no blocking.
        """
        return {}

    def address(self) -> Path | str | None:
        """Where a person finds what it makes: a path, a URL, or a route that starts with "/".

        Of a sink with routes, a path that is a file's or a folder's is a `Path`.
        """
        return None
