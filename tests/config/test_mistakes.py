"""What is said about a bad config: line, key, what was wanted, what was got."""

from pathlib import Path

import pytest

from pipeline.config import ConfigError, load_config
from tests.config.parts import GOOD, PARTS, load, mistakes

FIVE = """\
streams:
  lobby: { source: clip.mp4, prioritty: 1 }
graph:
  people: { stage: look, fps: -3 }
  hands:
    stage: lok
    from: [people, peple]
sinks:
  out: { sink: post }
"""


def test_all_mistakes_of_a_file_are_told_at_once_with_their_lines() -> None:
    assert mistakes(FIVE) == [
        "2: streams.lobby.prioritty: unknown key 'prioritty'; did you mean priority?",
        "4: graph.people.fps: wanted a number greater than 0, got -3",
        "6: graph.hands.stage: no stage is called 'lok'; known: look",
        "7: graph.hands.from[1]: wanted a node, got 'peple'; did you mean people?",
        "9: sinks.out: wanted the key 'from', got none",
    ]


def test_an_error_reads_like_a_compilers(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(FIVE)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {}, parts=PARTS)
    assert str(caught.value).splitlines()[1] == (
        f"{path}:4:31: graph.people.fps: wanted a number greater than 0, got -3"
    )


BASE = "streams: {a: x}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: wanted a mapping with streams, graph, sinks, http, events, traces, got nothing"),
        ("- a", "1: wanted a mapping with streams, graph, sinks, http, events, traces, got a list"),
        ("graph: {}", "1: wanted the key 'streams', got none"),
        ("streams: {}", "1: streams: wanted at least one stream, got none"),
        ("streams:\n", "1: streams: wanted at least one stream, got none"),
        ("streams: [a]", "1: streams: wanted a mapping of names, got a list"),
        ("streams: {a: 7}", "1: streams.a: wanted a mapping, got 7"),
        ("streams: {a: {source: ''}}", "1: streams.a.source: "),
        ("streams: {Lobby: x}", "1: streams.Lobby: wanted a name of at most 64 of a-z, 0-9"),
        (BASE + "grahp: {}", "2: grahp: unknown key 'grahp'; did you mean graph?"),
        (BASE + "graph: {n: {}}", "2: graph.n: wanted the key 'stage', got none"),
        (BASE + "graph: {n: look}", "2: graph.n: wanted a mapping, got 'look'"),
        (
            BASE + "graph: {n: {stage: look, scroe: 1}}",
            "2: graph.n.scroe: unknown key 'scroe'; did you mean score?",
        ),
        (
            BASE + "graph: {n: {stage: look, options: {}}}",
            "2: graph.n.options: unknown key 'options'; did you mean ",
        ),
        (
            BASE + "graph: {n: {stage: look, batch: {maxx: 1}}}",
            "2: graph.n.batch.maxx: unknown key 'maxx'; did you mean max?",
        ),
        (
            BASE + "graph: {n: {stage: look, batch: 4}}",
            "2: graph.n.batch: wanted a mapping, got 4",
        ),
        (
            BASE + "graph: {n: {stage: look, score: high}}",
            "2: graph.n.score: wanted a number, got 'high'",
        ),
        (
            BASE + "graph: {n: {stage: look, classes: [a, [b]]}}",
            "2: graph.n.classes[1]: wanted text, got a list",
        ),
        (
            BASE + "graph: {n: {stage: look, policy: wait}}",
            "2: graph.n.policy: wanted 'auto', 'block', 'drop_oldest' or 'latest', got 'wait'",
        ),
        (
            BASE + "graph: {n: {stage: look, queue: 0}}",
            "2: graph.n.queue: wanted a number greater than or equal to 1, got 0",
        ),
        (
            BASE + "graph: {n: {stage: look, queue: 1.5}}",
            "2: graph.n.queue: wanted a whole number, got 1.5",
        ),
        (
            BASE + "graph: {n: {stage: look, fps: .inf}}",
            "2: graph.n.fps: wanted a finite number, got inf",
        ),
        (
            BASE + "graph: {n: {stage: look, optional: 3}}",
            "2: graph.n.optional: wanted true or false, got 3",
        ),
        (
            BASE + "graph: {n: {stage: look, device: 'GPU 0'}}",
            "2: graph.n.device: wanted text like",
        ),
        (
            BASE + "graph: {n: {stage: look, streams: []}}",
            "2: graph.n.streams: wanted at least one, got a list",
        ),
        (BASE + "graph: {n: {stage: look, from: 3}}", "2: graph.n.from: wanted a list, got 3"),
        (
            BASE + "graph: {n: {stage: look, from: [1]}}",
            "2: graph.n.from[0]: wanted text, got 1",
        ),
        (
            BASE + "graph: {n: {stage: look, model: absent}}",
            "2: graph.n.model: absent: wanted its file, got none: framewire models pull absent",
        ),
        (BASE + "sinks: {s: {sink: psot, from: capture}}", "2: sinks.s.sink: no sink is called"),
        (BASE + "sinks: {s: {sink: post, from: []}}", "2: sinks.s.from: wanted at least one"),
        (BASE + "http: {listen: here}", "2: http.listen: wanted text like"),
        (BASE + "http: {port: 1}", "2: http.port: unknown key 'port'; there is access, audit"),
        (BASE + "http: 8080", "2: http: wanted a mapping, got 8080"),
        (BASE + "streams: {b: y}", "2: 'streams': wanted each key once, got it in line 1 too"),
        ("streams: {a: x, a: y}", "1: 'a': wanted each key once, got it in line 1 too"),
        ("streams: {a: [x}", "1: wanted YAML, got: "),
    ],
)
def test_a_mistake_names_line_and_key_and_what_was_wanted(text: str, said: str) -> None:
    (found,) = mistakes(text)
    assert found.startswith(said)


def test_a_key_that_is_nearly_stage_is_told_with_the_key_that_is_missing() -> None:
    assert mistakes(BASE + "graph: {n: {stge: look, score: 1}}") == [
        "2: graph.n: wanted the key 'stage', got none",
        "2: graph.n.stge: unknown key 'stge'; did you mean stage?",
    ]


def test_a_long_value_is_cut_short() -> None:
    (found,) = mistakes(BASE + f"graph: {{n: {{stage: look, score: {'x' * 5000}}}}}")
    assert len(found) < 200


@pytest.mark.parametrize("section", ["streams", "graph", "sinks"])
def test_more_entries_than_anyone_has_are_refused(section: str) -> None:
    entries = "".join(f"  n{n}: {{}}\n" for n in range(1001))
    found = mistakes(f"{section}:\n{entries}" + ("" if section == "streams" else BASE))
    assert any(f"{section}: wanted at most 1000, got 1,001" in mistake for mistake in found)


def test_a_file_that_is_not_there_is_told_as_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "none.yaml", {}, parts=PARTS)


def test_a_folder_is_not_a_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        load_config(tmp_path, {}, parts=PARTS)


def test_a_good_config_has_the_options_of_its_parts() -> None:
    config = load(GOOD)
    people, hands, out = config.graph["people"], config.graph["hands"], config.sinks["out"]
    assert config.streams["lobby"].options.source == "clip.mp4"
    assert config.streams["door"].priority == 3
    assert people.options.model_dump() == {"model": "large", "score": 0.5, "classes": ()}
    assert (people.inputs, people.batch.max, people.batch.wait_ms) == (("capture",), 4, 10)
    assert (config.queue_of("people"), people.policy, people.streams, people.isolation) == (
        2, "auto", None, "thread",
    )  # fmt: skip
    assert (hands.inputs, hands.streams) == (("people",), ("lobby",))
    assert hands.condition is not None
    assert hands.condition.nodes == {"people"}
    assert (out.inputs, out.queue) == (("people", "hands"), 8)
    assert config.http.listen == "127.0.0.1:0"
    assert config.folder == Path("folder")


def test_a_part_of_ones_own_for_anchors_is_not_looked_at() -> None:
    text = "x-look: &look { stage: look, score: 0.9 }\n" + BASE + "graph: { n: { <<: *look } }\n"
    assert load(text).graph["n"].options.model_dump()["score"] == 0.9


def test_a_mistake_in_a_merged_key_is_told_where_it_stands() -> None:
    text = "x-look: &look { stage: look, score: 9 }\n" + BASE + "graph: { n: { <<: *look } }\n"
    assert mistakes(text) == [
        "1: graph.n.score: wanted a number less than or equal to 1, got 9",
    ]
