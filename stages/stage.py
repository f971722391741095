"""The contract of a stage: a batch of frames in, one result for each out.

A stage knows no queue, no thread and no event loop. What it raises costs the frames of that call,
not the pipeline.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from models.results import Result
from models.spec import Precision
from stages.errors import BadOptions
from stages.events import Event
from stages.frame import Frame


class Options(BaseModel):
    """What a stage, a source or a sink can be told in the config. An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


StageOptions = Options  # the name that is left inside a class that has an `Options` of its own


def unheard(_event: Event) -> None:
    """What becomes of an event that nobody listens for."""


@dataclass(frozen=True, slots=True)
class StageContext:
    """What a stage is given beside its own options.

    node       its name in the graph
    device     "auto", "cpu", "cuda:0", ...
    parallel   how many of its batches may run at once: a session divides its threads by it
    folder     where relative paths of the config start
    precision  in which its model counts
    nice       how far its threads step back when the cores are busy, 0 to 19
    inputs     the nodes before it, whose results are on the frames; none if it looks at the stream
    announce   tells the pipeline of something that happened, such as a line that was crossed; may
               be called from `run`, from any thread
    """

    node: str
    device: str = "auto"
    parallel: int = 1
    folder: Path = Path()
    precision: Precision = "fp32"
    inputs: tuple[str, ...] = ()
    announce: Callable[[Event], None] = unheard
    nice: int = 0


class Runs(Protocol):
    """What a worker needs of a stage.

    stateless  its batches may run side by side and its frames one by one: what it says about a
               frame does not depend on those it saw before
    """

    stateless: bool

    def run(self, frames: Sequence[Frame]) -> Sequence[Result | None]:
        """One result a frame, in their order; None where there is nothing to say.

        After None the nodes behind this one do not see the frame. The frames may be of several
        streams; those of one stream come in order.
        """
        ...

    def retune(self, options: BaseModel) -> None:  # noqa: ARG002 - most can change nothing
        """Go on with these options: checked, and other than before only where they are `live`.

        Never called while `run` is. What it raises refuses them: nothing may have changed then.
        """
        raise BadOptions(f"{type(self).__name__}: wanted a method `retune`, got none")

    def close(self) -> None:
        """Give back what the stage holds. Called once, after its last batch."""
        return


class Stage(Runs, Protocol):
    """Something that looks at frames. Subclass it to make one of your own.

    Options  its own keys in the config
    live     those of them that may be given another value while it runs, by `retune`
    """

    Options: ClassVar[type[StageOptions]] = StageOptions
    live: ClassVar[frozenset[str]] = frozenset()
    stateless: bool = False

    def __init__(self, options: BaseModel, context: StageContext) -> None:
        """Make it from its `Options`. Raises StageError or ModelError when that cannot be."""
        ...
