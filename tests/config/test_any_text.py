"""Whatever a file holds, it is a config or an error that a person can read, and soon."""

import json
import re
import time

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.config import ConfigError, PipelineConfig
from tests.config.parts import GOOD, load

SECONDS = 2.0
GOOD_KEYS = tuple(dict.fromkeys(re.findall(r"[a-z]+", GOOD)))


def _read(data: bytes) -> PipelineConfig | ConfigError:
    began = time.process_time()
    try:
        made: PipelineConfig | ConfigError = load(data, {"HOME": "/home/user"})
    except ConfigError as error:
        made = error
    if isinstance(made, ConfigError):
        assert made.mistakes
        assert all(str(mistake).isprintable() for mistake in made.mistakes)
    assert time.process_time() - began < SECONDS
    return made


@given(st.text())
@example("\ud800")
@example("a: !!float x")
@example("? : 1")
@example('"\\e[31m": 1')
@example('streams: {"\\u202e": "\\e]0;x\\a"}')
@example("streams: {a: {source: &x {y: *x}}}")
@example("streams: &s {a: x}\ngraph: *s\nsinks: *s\nhttp: *s")
def test_any_text_gives_a_config_or_an_error(text: str) -> None:
    _read(text.encode("utf-8", "surrogatepass"))


@given(st.binary())
def test_any_bytes_give_a_config_or_an_error(data: bytes) -> None:
    _read(data)


@given(st.data())
def test_a_good_config_with_some_of_it_damaged_gives_a_config_or_an_error(
    data: st.DataObject,
) -> None:
    text = GOOD
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 6)))
        put = data.draw(st.sampled_from(["", " ", "\n", ":", "{", "}", "[", "]", "*", "&a ", "-"])
                        | st.text(alphabet="aeo01-_${}:,'\" \n", max_size=5))  # fmt: skip
        text = text[:start] + put + text[end:]
    _read(text.encode())


KEYS = st.sampled_from(
    (*GOOD_KEYS, "http", "listen", "policy", "options", "score", "post", "look", "capture", "b")
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | KEYS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)
SECTIONS = st.fixed_dictionaries(
    {"streams": st.dictionaries(KEYS, VALUES, max_size=3)},
    optional={
        "graph": st.dictionaries(KEYS, st.fixed_dictionaries({"stage": KEYS | VALUES}) | VALUES),
        "sinks": st.dictionaries(KEYS, st.fixed_dictionaries({"from": KEYS | VALUES}) | VALUES),
        "http": VALUES,
    },
)


@settings(max_examples=200)
@given(SECTIONS)
def test_any_values_give_a_config_or_an_error(values: dict[str, object]) -> None:
    """JSON is YAML, so a tree of any values is easily written down."""
    _read(json.dumps(values).encode())
