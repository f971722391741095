"""The stages and sinks that there are, for the schema and the reference."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from sinks.sink import Sink
from stages.stage import Stage


@dataclass(frozen=True, slots=True)
class Kinds:
    """Every stage and every sink, by name."""

    stages: Mapping[str, type[Stage]]
    sinks: Mapping[str, type[Sink]]


def own_kinds() -> Kinds:
    """Those that come with framewire."""
    from sinks.registry import SINKS  # noqa: PLC0415 - they load the classes themselves
    from stages.builtin import STAGES  # noqa: PLC0415

    return Kinds(STAGES, SINKS)


def installed_kinds() -> Kinds:
    """Those too that other installed packages add."""
    from sinks.registry import find_sink  # noqa: PLC0415
    from stages.registry import find_stage  # noqa: PLC0415

    own = own_kinds()
    stages = entry_points(group="framewire.stages").names - own.stages.keys()
    sinks = entry_points(group="framewire.sinks").names - own.sinks.keys()
    return Kinds(
        {**own.stages, **{name: find_stage(name, Path()) for name in sorted(stages)}},
        {**own.sinks, **{name: find_sink(name) for name in sorted(sinks)}},
    )


def purpose(kind: type[Stage] | type[Sink]) -> str:
    """The first line of a class's docstring: what it is for."""
    return (kind.__doc__ or "").strip().split("\n", 1)[0]
