"""Stages and sinks for configs under test, and short ways to read one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from models.errors import MissingModel
from models.results import Result
from pipeline.config import ConfigError, Parts, PipelineConfig, parse_config
from sinks.errors import BadSink
from sinks.sink import Delivery, Sink
from stages.errors import BadOptions
from stages.frame import Frame
from stages.stage import Options, Stage


class LookOptions(Options):
    """The keys of `stage: look`."""

    model: str = Field("small", description="Its model.")
    score: float = Field(0.5, ge=0, le=1, description="Least score.")
    classes: tuple[str, ...] = Field((), description="What to look for.")


class Look(Stage):
    """Look at pictures."""

    Options: ClassVar[type[Options]] = LookOptions

    def run(self, frames: Sequence[Frame]) -> Sequence[Result | None]:
        return [None for _ in frames]


class PostOptions(Options):
    """The keys of `sink: post`."""

    url: str = Field("embedded", description="Where to.")
    token: str | None = Field(None, description="A password.")
    tags: dict[str, str] = Field(default_factory=dict, description="Written beside results.")


class Post(Sink):
    """Take results away."""

    Options: ClassVar[type[Options]] = PostOptions

    async def write(self, batch: Sequence[Delivery]) -> None:
        return


def find_stage(name: str, folder: Path) -> type[Stage]:
    if name == "look":
        return Look
    raise BadOptions(f"no stage is called {name!r}; known: look")


def find_sink(name: str) -> type[Sink]:
    if name == "post":
        return Post
    raise BadSink(f"no sink is called {name!r}; known: post")


def find_model(name: str, folder: Path) -> None:
    if name == "absent":
        raise MissingModel("absent: wanted its file, got none: framewire models pull absent")


PARTS = Parts(find_stage, find_sink, find_model)
FILE = Path("folder/test.yaml")

GOOD = """\
streams:
  lobby: clip.mp4
  door: { source: "rtsp://door/main", priority: 3 }
graph:
  people: { stage: look, model: large, fps: 5, batch: { max: 4, wait_ms: 10 } }
  hands: { stage: look, from: people, streams: [lobby], when: "people.count > 0" }
sinks:
  out: { sink: post, from: [people, hands], queue: 8 }
"""

LOOKED_AT = "\ngraph: { looks: { stage: look } }\n"
"""What comes behind streams that are to be looked at and no more."""


def load(
    text: str | bytes,
    environ: Mapping[str, str] | None = None,
    *,
    sources: Sequence[str] = (),
) -> PipelineConfig:
    """Read a config of test parts, with an environment of its own."""
    data = text.encode() if isinstance(text, str) else text
    return parse_config(data, FILE, environ or {}, sources=sources, parts=PARTS)


def mistakes(
    text: str | bytes,
    environ: Mapping[str, str] | None = None,
    *,
    sources: Sequence[str] = (),
) -> list[str]:
    """What is wrong with a config: `line: key: text` for each mistake, in order."""
    try:
        load(text, environ, sources=sources)
    except ConfigError as error:
        return [f"{mistake.line}: {mistake}" for mistake in error.mistakes]
    return []
