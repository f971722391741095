"""What a config holds: streams, nodes, sinks, each with the options of its own class."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SerializeAsAny,
    model_validator,
)

from models.spec import Precision
from pipeline.config.outline import CAPTURE, Outline, problems, reach
from pipeline.config.secrets import Secrets
from pipeline.expression import Condition, compile_condition
from stages.capture.options import CaptureOptions
from stages.stage import Options

Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
Policy = Literal["auto", "block", "drop_oldest", "latest"]


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Annotated[
    tuple[str, ...], BeforeValidator(_one_or_many, json_schema_input_type=str | list[str])
]


class Part(BaseModel):
    """What all parts of a config have in common: an unknown key is an error, nothing changes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True
    )


class Batch(Part):
    """How frames are put together for one call of a stage."""

    max: int = Field(default=1, ge=1, le=1024, description="Frames in a batch, at most.")
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
        description="At most so many frames of a stream in a second of stream time.",
    )
    every: int | None = Field(default=None, ge=1, description="Only every nth frame of a stream.")
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
    queue: int = Field(
        default=2, ge=1, le=10_000, description="Frames of each stream that may wait before it."
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
    queue: int = Field(
        default=64, ge=1, le=10_000, description="Frames of each stream that may wait before it."
    )


class SinkConfig(SinkKeys):
    """A sink.

    options  of its sink's class
    """

    options: SerializeAsAny[BaseModel] = Options()


class HttpConfig(Part):
    """The pipeline's own small server: pages, metrics."""

    listen: str | None = Field(
        default="127.0.0.1:0",
        pattern=r"^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}$",
        description="Address and port to listen on, port 0 for any free one; `null` for no server.",
    )


class PipelineConfig(Part):
    """A whole config.

    folder  where its relative paths start
    raises  ValidationError if its parts do not fit each other: an unknown input, a circle, ...
    """

    streams: dict[Name, StreamConfig] = Field(min_length=1, description="The cameras, by name.")
    graph: dict[Name, NodeConfig] = Field(default={}, description="The nodes, by name.")
    sinks: dict[Name, SinkConfig] = Field(default={}, description="Where results go, by name.")
    http: HttpConfig = Field(default=HttpConfig(), description="The pipeline's own small server.")
    folder: Path = Field(default=Path(), exclude=True)
    _secrets: Secrets = PrivateAttr(default_factory=Secrets)

    @property
    def secrets(self) -> Secrets:
        """What must never be shown."""
        return self._secrets

    def outlines(self) -> list[Outline]:
        """The names and edges of the graph, sinks last."""
        nodes = [_outline(n, "graph", box) for n, box in self.graph.items()]
        return nodes + [_outline(n, "sinks", box) for n, box in self.sinks.items()]

    def streams_of(self, name: str) -> tuple[str, ...]:
        """The streams whose frames can reach a node or a sink."""
        return reach(self.outlines(), tuple(self.streams))[name]

    @model_validator(mode="after")
    def _fits(self) -> "PipelineConfig":
        wrong = list(problems(self.outlines(), tuple(self.streams)))
        if wrong:
            raise ValueError("; ".join(str(problem) for problem in wrong))
        return self

    def keep_secret(self, secrets: Secrets) -> None:
        """From now on no `repr` of the config or its parts shows any of them."""
        self._secrets = secrets
        for part in (*self.streams.values(), *self.graph.values(), *self.sinks.values()):
            secrets.hide(part)


def _outline(name: str, section: str, box: NodeConfig | SinkConfig) -> Outline:
    return Outline(name, section, box.inputs, box.streams, box.when)
