"""The outline of a graph: names, edges and conditions, and whether they fit each other.

It needs no options and no classes, so that a graph can be checked although some of its nodes are
otherwise wrong.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from pipeline.config.errors import Step, key_path
from pipeline.config.near import did_you_mean
from pipeline.expression import BadCondition, compile_condition

CAPTURE = "capture"
"""The input that stands for the stream itself."""

CIRCLES_MAX = 10

PRIVACY = "privacy"
"""The stage that guards the streams that reach it."""

SHOWS = ("mjpeg", "mp4", "webrtc", "record", "restream")
"""The sinks that show pictures."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One node or sink.

    section  "graph" or "sinks"
    inputs   where its frames come from; None when the config does not say it in a readable way
    streams  those it looks at; None for all
    kind     its stage or its sink, by name
    unguarded  a sink that is to show pictures without their guards
    recent   nodes whose newest result it shows without waiting
    """

    name: str
    section: str
    inputs: tuple[str, ...] | None
    streams: tuple[str, ...] | None = None
    when: str | None = None
    kind: str | None = None
    unguarded: bool = False
    recent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not fit, at the key where it stands."""

    path: tuple[Step, ...]
    text: str

    def __str__(self) -> str:
        return f"{key_path(self.path)}: {self.text}"


def problems(outlines: Sequence[Outline], streams: Sequence[str]) -> Iterator[Problem]:
    """Everything that does not fit."""
    nodes = {o.name: o for o in outlines if o.section == "graph"}
    yield from _names(outlines)
    for outline in outlines:
        yield from _inputs(outline, nodes, outlines)
        yield from _recent(outline, nodes)
        yield from _streams(outline, streams)
        yield from _condition(outline, nodes)
    circles = list(_circles(nodes))
    yield from circles or _cover(outlines, streams)
    if not circles:
        yield from _guarded(outlines, streams)


def unread(outlines: Sequence[Outline], streams: Sequence[str]) -> Iterator[Problem]:
    """Streams at which nobody looks, though decoded; of a graph without any other problem."""
    read = {stream for seen in reach(outlines, streams).values() for stream in seen}
    for stream in streams:
        if stream not in read:
            yield Problem(("streams", stream), "wanted a node or a sink that looks at it, got none")


def reach(outlines: Sequence[Outline], streams: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The streams whose frames can reach each node and sink of a graph without circles.

    An input that does not exist, or cannot be read, counts as one that sees every stream.
    """
    nodes = {o.name: o for o in outlines if o.section == "graph"}
    seen: dict[str, set[str]] = {CAPTURE: set(streams)}
    order = list(TopologicalSorter(_edges(nodes)).static_order())
    for outline in [
        *(nodes[name] for name in order),
        *(o for o in outlines if o.section == "sinks"),
    ]:
        through: set[str] = set()
        for name in (CAPTURE,) if outline.inputs is None else outline.inputs:
            through |= seen.get(name, seen[CAPTURE])
        own = seen[CAPTURE] if outline.streams is None else set(outline.streams)
        seen[outline.name] = own & through
    del seen[CAPTURE]
    return {name: tuple(s for s in streams if s in those) for name, those in seen.items()}


def guards(
    outlines: Sequence[Outline], streams: Sequence[str]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """By sink, by stream: the privacy nodes that guard the pictures of a graph without circles.

    A sink that is `unguarded` has none.
    """
    seen = reach(outlines, streams)
    nodes = [o.name for o in outlines if o.section == "graph" and o.kind == PRIVACY]
    return {
        sink.name: {
            stream: found
            for stream in seen.get(sink.name, ())
            if (found := tuple(node for node in nodes if stream in seen.get(node, ())))
        }
        for sink in outlines
        if sink.section == "sinks" and not sink.unguarded
    }


def upstream(outline: Outline, nodes: Mapping[str, Outline]) -> set[str]:
    """The names of all nodes that a frame may have passed before this one."""
    seen: set[str] = set()
    ahead = [outline]
    while ahead:
        for name in ahead.pop().inputs or ():
            if name in nodes and name not in seen:
                seen.add(name)
                ahead.append(nodes[name])
    return seen


def _names(outlines: Sequence[Outline]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for outline in outlines:
        if outline.name == CAPTURE:
            yield Problem(
                (outline.section, outline.name),
                f"wanted another name: {CAPTURE!r} stands for the stream itself",
            )
        if outline.name in seen:
            yield Problem(
                (outline.section, outline.name),
                f"wanted a name of its own, got that of {seen[outline.name]}.{outline.name}",
            )
        seen.setdefault(outline.name, outline.section)


def _inputs(
    outline: Outline, nodes: Mapping[str, Outline], outlines: Sequence[Outline]
) -> Iterator[Problem]:
    sinks = {o.name for o in outlines if o.section == "sinks"}
    known = [CAPTURE, *(name for name in nodes if name != outline.name)]
    seen: set[str] = set()
    for index, name in enumerate(outline.inputs or ()):
        path = (outline.section, outline.name, "from", index)
        if name in seen:
            yield Problem(path, f"wanted each input once, got {name!r} twice")
        elif name in sinks and name not in nodes:
            yield Problem(path, f"wanted a node, got the sink {name!r}")
        elif name != CAPTURE and name not in nodes:
            yield Problem(path, f"wanted a node, got {name!r}; {did_you_mean(name, known)}")
        seen.add(name)


def _recent(outline: Outline, nodes: Mapping[str, Outline]) -> Iterator[Problem]:
    for index, name in enumerate(outline.recent):
        path = (outline.section, outline.name, "recent", index)
        if name in (outline.inputs or ()):
            yield Problem(path, f"wanted a node that is not in `from`, got {name!r}")
        elif name not in nodes:
            yield Problem(path, f"wanted a node, got {name!r}; {did_you_mean(name, nodes)}")


def _streams(outline: Outline, streams: Collection[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, name in enumerate(outline.streams or ()):
        path = (outline.section, outline.name, "streams", index)
        if name not in streams:
            yield Problem(path, f"wanted a stream, got {name!r}; {did_you_mean(name, streams)}")
        elif name in seen:
            yield Problem(path, f"wanted each stream once, got {name!r} twice")
        seen.add(name)


def _edges(nodes: Mapping[str, Outline]) -> dict[str, list[str]]:
    """The inputs of each node that are nodes themselves."""
    return {
        name: [i for i in dict.fromkeys(node.inputs or ()) if i in nodes and i != CAPTURE]
        for name, node in nodes.items()
    }


def _circles(nodes: Mapping[str, Outline]) -> Iterator[Problem]:
    """Each circle, at the first of its nodes in the file."""
    edges = _edges(nodes)
    order = {name: index for index, name in enumerate(nodes)}
    for _ in range(CIRCLES_MAX):
        try:
            TopologicalSorter(edges).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1][:-1]  # each is an input of the next
            turn = circle.index(min(circle, key=order.__getitem__))
            circle = [*circle[turn:], *circle[:turn]]
            way = " -> ".join([*circle, circle[0]])
            yield Problem(
                ("graph", circle[0], "from"), f"wanted a graph without a circle, got {way}"
            )
            edges[circle[0]].remove(circle[-1])
        else:
            return


def _condition(outline: Outline, nodes: Mapping[str, Outline]) -> Iterator[Problem]:
    if outline.when is None:
        return
    path = (outline.section, outline.name, "when")
    try:
        condition = compile_condition(outline.when)
    except BadCondition as error:
        yield Problem(path, str(error))
        return
    before = upstream(outline, nodes)
    if outline.inputs is None:
        return
    for name in sorted(condition.nodes - before):
        place = "not before this one" if name in nodes else "no node"
        yield Problem(
            path,
            f"wanted nodes that a frame passes before this one, got {name!r}, which is {place}; "
            f"{did_you_mean(name, before)}",
        )


def _guarded(outlines: Sequence[Outline], streams: Sequence[str]) -> Iterator[Problem]:
    """Sinks that would show a picture before its guard has said what is to be hidden."""
    needed = guards(outlines, streams)
    for sink in outlines:
        if sink.kind not in SHOWS or sink.inputs is None:
            continue
        wanted = {node: stream for stream, of in needed.get(sink.name, {}).items() for node in of}
        for node, stream in wanted.items():
            if node not in sink.inputs:
                yield Problem(
                    (sink.section, sink.name, "from"),
                    f"wanted {node!r} among them, which guards the pictures of {stream}, or "
                    f"`unguarded: true`, got {', '.join(sink.inputs)}",
                )


def _cover(outlines: Sequence[Outline], streams: Sequence[str]) -> Iterator[Problem]:
    reached = reach(outlines, streams)
    for outline in outlines:
        own = outline.streams or ()
        fed = any(reached.get(name, streams) for name in outline.inputs or ())
        if own and fed and not reached[outline.name] and set(own) <= set(streams):
            path = (outline.section, outline.name, "streams")
            yield Problem(path, f"wanted a stream that its inputs see, got {', '.join(own)}")
