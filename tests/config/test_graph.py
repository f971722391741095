"""Whether the parts of a config fit each other."""

import time
from itertools import pairwise

import pytest

from pipeline.config import PipelineConfig, StreamConfig
from pipeline.config.outline import CIRCLES_MAX, Outline, problems, reach
from stages.capture.options import CaptureOptions
from tests.config.parts import GOOD, load, mistakes

STREAMS = "streams: {a: x, b: y}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "graph: {one: {stage: look, from: tow}, two: {stage: look}}",
            "2: graph.one.from: wanted a node, got 'tow'; did you mean two?",
        ),
        (
            "graph: {one: {stage: look, from: one}}",
            "2: graph.one.from: wanted a graph without a circle, got one -> one",
        ),
        (
            "graph:\n  x: {stage: look}\n  a: {stage: look, from: c}\n  b: {stage: look, from: a}\n"
            "  c: {stage: look, from: [b, x]}\n",
            "4: graph.a.from: wanted a graph without a circle, got a -> b -> c -> a",
        ),
        (
            "graph: {n: {stage: look, from: [capture, capture]}}",
            "2: graph.n.from[1]: wanted each input once, got 'capture' twice",
        ),
        (
            "graph: {n: {stage: look}}\nsinks: {n: {sink: post, from: n}}",
            "3: sinks.n: wanted a name of its own, got that of graph.n",
        ),
        (
            "graph: {capture: {stage: look}}",
            "2: graph.capture: wanted another name: 'capture' stands for the stream itself",
        ),
        (
            "sinks: {s: {sink: post, from: t}, t: {sink: post, from: capture}}",
            "2: sinks.s.from: wanted a node, got the sink 't'",
        ),
        (
            "graph: {n: {stage: look}}\nsinks: {s: {sink: post, from: n, recent: n}}",
            "3: sinks.s.recent: wanted a node that is not in `from`, got 'n'",
        ),
        (
            "graph: {n: {stage: look}}\nsinks: {s: {sink: post, from: n, recent: m}}",
            "3: sinks.s.recent: wanted a node, got 'm'; there is n",
        ),
        (
            "graph: {n: {stage: look, streams: [a, c]}}",
            "2: graph.n.streams[1]: wanted a stream, got 'c'; there is a, b",
        ),
        (
            "graph: {n: {stage: look, streams: [a, a]}}",
            "2: graph.n.streams[1]: wanted each stream once, got 'a' twice",
        ),
        (
            "graph: {n: {stage: look, streams: a}, m: {stage: look, from: n, streams: b}}",
            "2: graph.m.streams: wanted a stream that its inputs see, got b",
        ),
        (
            "graph: {n: {stage: look, when: 'm.x > 0'}, m: {stage: look}}",
            "2: graph.n.when: wanted nodes that a frame passes before this one, got 'm', "
            "which is not before this one; there is none",
        ),
        (
            "graph: {n: {stage: look}}\nsinks: {s: {sink: post, from: n, when: 'm.x > 0'}}",
            "3: sinks.s.when: wanted nodes that a frame passes before this one, got 'm', "
            "which is no node; there is n",
        ),
        (
            "graph: {n: {stage: look}}\nsinks: {s: {sink: post, from: n, when: 'n.x >'}}",
            "3: sinks.s.when: column 6 of the condition: wanted a number, node.name, or '(', "
            "got the end",
        ),
    ],
)
def test_what_does_not_fit_is_named(text: str, said: str) -> None:
    assert mistakes(STREAMS + text) == [said]


@pytest.mark.parametrize(
    ("keys", "queue"),
    [
        ("", 2),
        ("batch: {max: 4}", 2),  # of two streams
        ("batch: {max: 5}", 3),
        ("batch: {max: 5}, streams: a", 5),
        ("batch: {max: 6}, queue: 3", 3),
        ("batch: {max: 6}, queue: 1, policy: latest", 1),
    ],
)
def test_a_queue_is_as_long_as_a_batch_wants_it(keys: str, queue: int) -> None:
    text = "graph: {n: {stage: look, " + keys + "}, all: {stage: look}}"
    assert load(STREAMS + text).queue_of("n") == queue


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ("batch: {max: 6}, queue: 2", "wanted at least 3, for batches of 6 from 2 streams, got 2"),
        (
            "batch: {max: 6}, streams: [a], queue: 5",
            "wanted at least 6, for batches of 6 from 1 stream, got 5",
        ),
    ],
)
def test_a_queue_that_a_batch_does_not_fit_in_is_named(keys: str, wanted: str) -> None:
    text = "graph: {n: {stage: look, " + keys + "}, all: {stage: look, fpps: 1}}"
    assert mistakes(STREAMS + text) == [
        f"2: graph.n.queue: {wanted}",
        "2: graph.all.fpps: unknown key 'fpps'; did you mean fps?",
    ]


def test_each_of_two_circles_is_named() -> None:
    text = (
        "graph: {a: {stage: look, from: a}, b: {stage: look, from: c}, c: {stage: look, from: b}}"
    )
    assert [m.rsplit("got ", 1)[1] for m in mistakes(STREAMS + text)] == ["a -> a", "b -> c -> b"]


def test_a_node_that_is_wrong_otherwise_still_counts_as_a_node() -> None:
    text = """
graph:
  a: { stage: look, fps: -1, model: absent }
  b: { stage: nothing, from: a, when: 'a.x > 0' }
"""
    found = mistakes(STREAMS + text)
    keys = [m.split(":")[1].strip() for m in found]
    assert keys == ["graph.a.fps", "graph.a.model", "graph.b.stage"]


def test_a_condition_may_look_far_back() -> None:
    text = "graph: {a: {stage: look}, b: {stage: look, from: a}, c: {stage: look, from: b}}\n"
    assert mistakes(STREAMS + text + "sinks: {s: {sink: post, from: c, when: 'a.x > b.y'}}") == []


def test_streams_flow_along_the_arrows() -> None:
    outlines = [
        Outline("late", "graph", ("left", "right")),
        Outline("left", "graph", ("capture",), ("a", "b")),
        Outline("right", "graph", ("capture",), ("c",)),
        Outline("some", "sinks", ("late",), ("b", "c")),
        Outline("raw", "sinks", ("capture", "left")),
    ]
    assert reach(outlines, ("a", "b", "c", "d")) == {
        "left": ("a", "b"),
        "right": ("c",),
        "late": ("a", "b", "c"),
        "some": ("b", "c"),
        "raw": ("a", "b", "c", "d"),
    }
    assert load(GOOD).streams_of("out") == ("lobby", "door")
    assert load(GOOD).streams_of("hands") == ("lobby",)


def test_a_stream_that_nobody_looks_at_is_named() -> None:
    text = "streams: {a: x, b: y}\ngraph: {n: {stage: look, streams: a}, m: {stage: look, from: n}}"
    said = "1: streams.b: wanted a node or a sink that looks at it, got none"
    assert mistakes(text) == [said]
    assert mistakes(text + "\nsinks: {s: {sink: post, from: [m, capture]}}") == []
    assert mistakes(
        "streams: {a: x, b: y}\nsinks: {s: {sink: post, from: capture, streams: a}}"
    ) == [said]


def test_who_was_to_look_and_is_misread_is_told_alone() -> None:
    assert mistakes(STREAMS + "graph: {n: {stage: look, streams: [a], fpps: 1}}") == [
        "2: graph.n.fpps: unknown key 'fpps'; did you mean fps?"
    ]


def test_a_config_made_by_hand_must_fit_too() -> None:
    streams = {"a": StreamConfig(options=CaptureOptions(source="x"))}
    sink = {"sink": "post", "from": "nobody"}
    with pytest.raises(ValueError, match=r"sinks\.s\.from\[0\]: wanted a node, got 'nobody'"):
        PipelineConfig.model_validate({"streams": streams, "sinks": {"s": sink}})


def test_a_thousand_nodes_in_a_row_are_checked_in_no_time() -> None:
    names = ["capture", *(f"n{i}" for i in range(1000))]
    line = [Outline(b, "graph", (a,)) for a, b in pairwise(names)]
    braid = [
        Outline(f"b{i}", "graph", (f"b{i - 1}", f"b{i - 2}") if i > 1 else ("capture",))
        for i in range(1000)
    ]
    began = time.process_time()
    assert list(problems([*line, *braid], ("a",))) == []
    assert time.process_time() - began < 2


def test_of_very_many_circles_a_few_are_named() -> None:
    names = [f"n{i}" for i in range(300)]
    knot = [Outline(name, "graph", tuple(names)) for name in names]
    began = time.process_time()
    assert len(list(problems(knot, ("a",)))) == CIRCLES_MAX
    assert time.process_time() - began < 2
