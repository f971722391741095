"""What a drawing of a graph shows: boxes, and arrows between them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.config import CAPTURE, NodeConfig, PipelineConfig, SinkConfig

Kind = Literal["stream", "node", "sink"]

TOGETHER = 4  # more streams than this that go the same way are drawn as one box


@dataclass(frozen=True, slots=True)
class Box:
    """One box.

    kind   what it stands for; names of streams and of nodes may be the same
    title  its name
    about  what it does, in a few words; may be empty
    notes  what else the config says about it
    """

    kind: Kind
    title: str
    about: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes in the order of the config, and arrows as pairs of indices into them."""

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[int, int], ...]


def drawing(config: PipelineConfig) -> Drawing:
    """Boxes and arrows of a config; no secret is among them."""
    boxes: list[Box] = []
    place: dict[str, int] = {}  # of each node
    groups: dict[str, int] = {}  # the box of each stream
    for members in _groups(config):
        groups |= dict.fromkeys(members, len(boxes))
        boxes.append(_stream(config, members))
    for name, node in config.graph.items():
        place[name] = len(boxes)
        boxes.append(_box("node", name, node.stage, node, config))
    arrows: dict[tuple[int, int], None] = {}
    for name, node in config.graph.items():
        arrows |= dict.fromkeys(_into(name, node, place[name], config, place, groups))
    for name, sink in config.sinks.items():
        arrows |= dict.fromkeys(_into(name, sink, len(boxes), config, place, groups))
        boxes.append(_box("sink", name, sink.sink, sink, config))
    return Drawing(tuple(boxes), tuple(arrows))


def _into(
    name: str,
    box: NodeConfig | SinkConfig,
    index: int,
    config: PipelineConfig,
    place: dict[str, int],
    groups: dict[str, int],
) -> Iterator[tuple[int, int]]:
    for origin in box.inputs:
        if origin == CAPTURE:
            own = set(config.streams if box.streams is None else box.streams)
            yield from (
                (groups[stream], index) for stream in config.streams_of(name) if stream in own
            )
        else:
            yield place[origin], index


def _groups(config: PipelineConfig) -> list[tuple[str, ...]]:
    """The streams one by one, or those together that go the same way if there are many."""
    boxes = {**config.graph, **config.sinks}
    ways: dict[tuple[str, ...], list[str]] = {}
    for stream in config.streams:
        way = tuple(n for n, box in boxes.items() if box.streams is None or stream in box.streams)
        ways.setdefault(way, []).append(stream)
    return [
        group
        for members in ways.values()
        for group in ([tuple(members)] if len(members) > TOGETHER else [(m,) for m in members])
    ]


def _stream(config: PipelineConfig, members: Sequence[str]) -> Box:
    if len(members) > 1:
        return Box("stream", f"{len(members)} streams", f"{members[0]} ... {members[-1]}")
    (name,) = members
    stream = config.streams[name]
    notes = (f"priority {stream.priority}",) if stream.priority else ()
    return Box("stream", name, config.secrets.mask(stream.options.source), notes)


def _box(
    kind: Kind, name: str, does: str, box: NodeConfig | SinkConfig, config: PipelineConfig
) -> Box:
    model = getattr(box.options, "model", None)
    about = " ".join(part for part in (does, model) if isinstance(part, str))
    return Box(kind, name, config.secrets.mask(about), tuple(_notes(box)))


def _notes(box: NodeConfig | SinkConfig) -> Iterator[str]:
    if box.when is not None:
        yield f"when {box.when}"
    if box.fps is not None:
        yield f"at most {box.fps:g} fps"
    if box.every is not None and box.every > 1:
        yield f"1 frame in {box.every}"
    if box.policy != "auto":
        yield box.policy
    if isinstance(box, NodeConfig):
        if box.batch.max > 1:
            yield f"batches of {box.batch.max}"
        if box.parallel > 1:
            yield f"{box.parallel} side by side"
        if box.isolation == "process":
            yield "own process"
        if box.device != "auto":
            yield box.device
        if box.optional:
            yield "optional"
