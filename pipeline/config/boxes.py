"""What a config holds: streams, nodes, sinks, each with the options of its own class."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, PrivateAttr, SerializeAsAny, model_validator

from models.spec import Precision
from pipeline.config.http import HttpConfig, http_problems
from pipeline.config.observe import EventsConfig, TracesConfig
from pipeline.config.outline import CAPTURE, Outline, Problem, guards, problems, reach, unread
from pipeline.config.part import Name, Names, Part
from pipeline.config.secrets import Secrets
from pipeline.expression import Condition, compile_condition
from stages.capture.options import CaptureOptions
from stages.stage import Options

QUEUE = 2
"""Frames of each stream that may wait before a node, if the config does not say."""

Policy = Literal["auto", "block", "drop_oldest", "latest"]


class Batch(Part):
    """How frames are put together for one call of a stage."""

    max: int = Field(
        default=1,
        ge=1,
        le=1024,
        description="Frames in a batch, at most. They wait in the queue, so that `queue` times the "
        "number of streams must not be less; with `policy: latest`, one frame of each stream waits "
        "and a batch is no larger than that.",
    )
    wait_ms: float = Field(
        default=0,
        ge=0,
        le=60_000,
        description="How long the first frame of a batch may wait for others.",
    )


class StreamKeys(Part):
    """What a stream can be told beside how it is captured."""

    priority: int = Field(
        default=0,
        ge=-1000,
        le=1000,
        description="Under overload, streams with a lower number give way first.",
    )


class StreamConfig(StreamKeys):
    """A camera, a file, a URL. Plain text stands for `{ source: that text }`.

    options  how it is captured
    """

    options: CaptureOptions


class BoxKeys(Part):
    """What a node and a sink can be told alike."""

    streams: Names | None = Field(
        default=None, min_length=1, description="The streams it looks at. All, if left out."
    )
    when: str | None = Field(
        default=None,
        description="A condition on what nodes before it have said, such as `detect.person > 0`: "
        "other frames pass it by.",
    )
    fps: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        allow_inf_nan=False,
        description="At most so many frames of a stream in a second of stream time. Where all that "
        "look at the stream itself say so, the others are not decoded if the codec allows it.",
    )
    every: int | None = Field(
        default=None,
        ge=1,
        description="Only every nth frame of a stream, by its number. It spares decoding as `fps` "
        "does; with both, `fps` picks from every nth.",
    )
    policy: Policy = Field(
        default="auto",
        description="What happens when the queue is full. `block`: the source waits; "
        "`drop_oldest`: the oldest frame gives way; `latest`: only the newest frame ever waits; "
        "`auto`: block for a source that can wait, such as a file read as fast as possible, and "
        "drop_oldest for a live one.",
    )
    max_age_ms: float | None = Field(
        default=None, gt=0, description="A frame that came in longer ago than this is dropped."
    )
    join_ms: float | None = Field(
        default=None,
        gt=0,
        description="With several inputs: the longest that a frame waits for all of them. If left "
        "out, until each has answered or passed.",
    )

    @cached_property
    def condition(self) -> Condition | None:
        """`when`, ready to be asked."""
        return None if self.when is None else compile_condition(self.when)


class NodeKeys(BoxKeys):
    """What every node of the graph can be told, whatever its stage."""

    stage: str = Field(
        min_length=1,
        description="What it does: the name of a stage, or `./file.py:Class` for one of your own, "
        "relative to the config.",
    )
    inputs: Names = Field(
        default=(CAPTURE,),
        validation_alias="from",
        min_length=1,
        description="Where its frames come from: nodes, or `capture` for the stream itself.",
    )
    queue: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Frames of each stream that may wait before it. If left out, 2, or more where "
        "its streams together could not fill a batch otherwise.",
    )
    batch: Batch = Field(default=Batch(), description="How frames are put together for one call.")
    parallel: int = Field(default=1, ge=1, le=64, description="Batches that run side by side.")
    isolation: Literal["thread", "process"] = Field(
        default="thread",
        description="`process`: in a process of its own, so that a crash in it costs only the "
        "frames that it held.",
    )
    device: str = Field(
        default="auto",
        pattern=r"^[a-z]+(:[0-9]+)?$",
        description="Where its model runs: `auto`, `cpu`, `cuda:0`.",
    )
    nice: int = Field(
        default=0,
        ge=0,
        le=19,
        description="How far its threads step back when the cores are busy, as in Linux's `nice`. "
        "For a slow model beside a live one. 19: they have the cores when nothing else wants them, "
        "and are interrupted at once; with `isolation: process`, where they cannot hold Python's "
        "lock meanwhile.",
    )
    precision: Precision = Field(
        default="fp32",
        description="In which its model counts. `bf16`: on a CPU with AVX512-BF16 or AMX, through "
        "OpenVINO, about twice as fast; its outputs differ by up to about a hundredth.",
    )
    on_error: Literal["skip", "stop"] = Field(
        default="skip",
        description="What happens after `errors_max` failures on end. `skip`: the node is taken "
        "out and the rest goes on; `stop`: the run ends.",
    )
    errors_max: int = Field(
        default=10, ge=1, description="Failures on end after which the node is given up."
    )
    hang_s: float | None = Field(
        default=60,
        ge=0.1,
        le=86_400,
        description="Seconds after which a call of its stage has hung, and its frames have failed. "
        "With `isolation: process` the process is killed and replaced. A thread cannot be ended: "
        "the node takes no frames until it comes back. `null` for never.",
    )
    optional: bool = Field(
        False,
        description="Under overload, a stream that has given way in rate and is still too much is "
        "kept from this node.",
    )


class NodeConfig(NodeKeys):
    """A node of the graph.

    options  of its stage's class
    """

    options: SerializeAsAny[BaseModel] = Options()


class SinkKeys(BoxKeys):
    """What every sink can be told, whatever its kind."""

    sink: str = Field(min_length=1, description="Where results go: the name of a sink.")
    inputs: Names = Field(
        validation_alias="from",
        min_length=1,
        description="Whose results it takes: nodes, or `capture` for the stream itself.",
    )
    recent: Names = Field(
        default=(),
        description="Nodes whose newest results a sink that shows pictures draws without waiting "
        "for them; they fade with their age. For slow ones, such as a caption.",
    )
    queue: int = Field(
        default=64, ge=1, le=10_000, description="Frames of each stream that may wait before it."
    )
    unguarded: bool = Field(
        default=False,
        description="Show pictures of streams that a `privacy` node guards without waiting for it, "
        "and so without hiding anything. Else a sink of pictures wants that node in `from`.",
    )


class SinkConfig(SinkKeys):
    """A sink.

    options  of its sink's class
    """

    options: SerializeAsAny[BaseModel] = Options()


class PipelineConfig(Part):
    """A whole config.

    folder  where its relative paths start
    raises  ValidationError if its parts do not fit each other: an unknown input, a circle, ...
    """

    streams: dict[Name, StreamConfig] = Field(min_length=1, description="The cameras, by name.")
    graph: dict[Name, NodeConfig] = Field(default={}, description="The nodes, by name.")
    sinks: dict[Name, SinkConfig] = Field(default={}, description="Where results go, by name.")
    http: HttpConfig = Field(default=HttpConfig(), description="The pipeline's own small server.")
    events: EventsConfig | None = Field(
        default=None, description="A file with every event; none is written if left out."
    )
    traces: TracesConfig | None = Field(
        default=None, description="Traces of single frames; none are made if left out."
    )
    folder: Path = Field(default=Path(), exclude=True)
    _secrets: Secrets = PrivateAttr(default_factory=Secrets)
    _digest: str = PrivateAttr(default="")

    @property
    def digest(self) -> str:
        """The sha256 of the file it was read from, before anything was filled in."""
        return self._digest

    @property
    def secrets(self) -> Secrets:
        """What must never be shown."""
        return self._secrets

    def outlines(self) -> list[Outline]:
        """The names and edges of the graph, sinks last."""
        nodes = [_outline(n, "graph", box) for n, box in self.graph.items()]
        return nodes + [_outline(n, "sinks", box) for n, box in self.sinks.items()]

    def queue_of(self, name: str) -> int:
        """The frames of each stream that may wait before a node or a sink."""
        box = self.graph.get(name) or self.sinks[name]
        if box.queue is not None:
            return box.queue
        batch = box.batch.max if isinstance(box, NodeConfig) else 1
        return max(QUEUE, least_queue(batch, len(self.streams_of(name))))

    def streams_of(self, name: str) -> tuple[str, ...]:
        """The streams whose frames can reach a node or a sink."""
        return reach(self.outlines(), tuple(self.streams))[name]

    def guards_of(self, name: str) -> dict[str, tuple[str, ...]]:
        """By stream: the privacy nodes without whose word a sink is to show no picture."""
        return guards(self.outlines(), tuple(self.streams)).get(name, {})

    @model_validator(mode="after")
    def _fits(self) -> "PipelineConfig":
        outlines, streams = self.outlines(), tuple(self.streams)
        wrong = list(problems(outlines, streams))
        if not wrong:
            wrong += narrow(self.graph, reach(outlines, streams))
            wrong += unread(outlines, streams)
        wrong += http_problems(self.http, streams)
        if wrong:
            raise ValueError("; ".join(str(problem) for problem in wrong))
        return self

    def keep_digest(self, sha256: str) -> None:
        """It was read from a file with this digest."""
        self._digest = sha256

    def keep_secret(self, secrets: Secrets) -> None:
        """From now on no `repr` of the config or its parts shows any of them."""
        self._secrets = secrets
        boxes = (*self.streams.values(), *self.graph.values(), *self.sinks.values())
        for part in (*boxes, self.http):
            secrets.hide(part)


def narrow(
    graph: Mapping[str, NodeConfig], reached: Mapping[str, Sequence[str]]
) -> Iterator[Problem]:
    """Nodes in whose queue less may wait than they want in a batch.

    reached  by node: the streams whose frames can reach it
    """
    for name, box in graph.items():
        count = len(reached[name])
        least = least_queue(box.batch.max, count)
        if box.queue is not None and box.queue < least and box.policy != "latest":
            streams = f"{count} stream{'' if count == 1 else 's'}"
            yield Problem(
                ("graph", name, "queue"),
                f"wanted at least {least}, for batches of {box.batch.max} from {streams}, "
                f"got {box.queue}",
            )


def least_queue(batch: int, streams: int) -> int:
    """How many frames of each stream must be able to wait, so that all together fill a batch."""
    return -(-batch // max(streams, 1))


def _outline(name: str, section: str, box: NodeConfig | SinkConfig) -> Outline:
    kind = box.sink if isinstance(box, SinkConfig) else box.stage
    unguarded = isinstance(box, SinkConfig) and box.unguarded
    recent = box.recent if isinstance(box, SinkConfig) else ()
    return Outline(name, section, box.inputs, box.streams, box.when, kind, unguarded, recent)
