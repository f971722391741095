"""YAML texts as trees: values, lines, and texts that mean harm."""

import time
import tracemalloc

import pytest

from pipeline.config.document import BYTES_MAX, Item, NotYaml, compose
from pipeline.config.options import plain


def tree(text: str) -> object:
    item, faults = compose(text.encode())
    assert not faults
    return plain(item)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("7", 7),
        ("-7", -7),
        ("007", 7),
        ("0x1f", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("1" + "0" * 31, 1e31),
        ("'7'", "7"),
        ('"true"', "true"),
        ("!!str 7", "7"),
        ("| \n  two\n  lines\n", "two\nlines\n"),
        ("ünï 📷", "ünï 📷"),
        ("[a, [b]]", ["a", ["b"]]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
        ("no: 1", {"no": 1}),
        ("1: a", {"1": "a"}),
    ],
)
def test_a_scalar_is_what_yaml_1_2_says(text: str, value: object) -> None:
    assert tree(text) == value
    assert type(tree(text)) is type(value)


def test_a_tree_knows_where_each_key_and_value_stands() -> None:
    root, _ = compose(b"a: 1\nbee:\n  - x\n  - sea: deep\n")
    assert isinstance(root.value, dict)
    bee = root.value["bee"]
    assert (root.keys["bee"].line, root.keys["bee"].column) == (2, 1)
    assert isinstance(bee.value, tuple)
    last = bee.value[1]
    assert (last.keys["sea"].line, last.keys["sea"].column) == (4, 5)
    assert isinstance(last.value, dict)
    assert (last.value["sea"].mark.line, last.value["sea"].mark.column) == (4, 10)


def test_an_alias_is_the_anchored_value() -> None:
    assert tree("a: &x [1, 2]\nb: *x\n") == {"a": [1, 2], "b": [1, 2]}


def test_merge_keys_give_way_to_own_keys_and_the_first_base_wins() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\n"
    merged = tree(text)
    assert isinstance(merged, dict)
    assert merged["c"] == {"x": 3, "y": 1, "z": 2}


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    item, _ = compose(b"\xef\xbb\xbfa: 1\n")
    assert plain(item) == {"a": 1}


def test_a_double_key_is_named_with_both_lines_and_the_first_stays() -> None:
    item, faults = compose(b"a: 1\nb: 2\na: 3\n")
    assert plain(item) == {"a": 1, "b": 2}
    assert [fault.text for fault in faults] == ["'a': wanted each key once, got it in line 1 too"]
    assert faults[0].mark is not None
    assert faults[0].mark.line == 3


LAUGHS = "a0: &a0 [ha, ha]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20)
)
MERGES = (
    "base: &b {"
    + ", ".join(f"k{n}: 1" for n in range(5000))
    + "}\n"
    + "".join(f"m{n}: {{<<: *b}}\n" for n in range(5000))
)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(LAUGHS.encode(), "wanted at most 50,000 values", id="billion laughs"),
        pytest.param(MERGES.encode(), "wanted at most 50,000 values", id="many merges"),
        pytest.param(b"a" * (10 * 2**20), "wanted at most 256 KiB", id="10 MB"),
        pytest.param(b"[" * BYTES_MAX, "nesting depth", id="deep lists"),
        pytest.param(b"{a: " * 10_000, "wanted at most 24 levels", id="deep mappings"),
        pytest.param(b"- " * 10_000, "wanted at most 24 levels", id="deep dashes"),
        pytest.param(b"a: 1\nb: \xe4\xf6\n", "wanted UTF-8 text, got byte 0xe4", id="latin-1"),
        pytest.param("a: 1\n".encode("utf-16"), "wanted UTF-8", id="utf-16"),
        pytest.param(b"a: \x00", "character #x0000", id="a null byte"),
        pytest.param(b"a: \x1b[31m", "character #x001b", id="an escape"),
        pytest.param(b"a: [1, 2\nb: 3\n", "wanted YAML, got: while parsing", id="open list"),
        pytest.param(b"a: *nobody\n", "*nobody: no such anchor", id="no anchor"),
        pytest.param(b"a: &a [*a]\n", "*a: no such anchor", id="an alias of itself"),
        pytest.param(b"a: !!python/object/apply:os.system [ls]\n", "the tag", id="code in a list"),
        pytest.param(b"a: !!python/name:os.system\n", "the tag", id="code in a name"),
        pytest.param(b"a: !!binary aGk=\n", "the tag", id="binary"),
        pytest.param(b"? [a, b]\n: 1\n", "wanted a key of plain text", id="a list as key"),
        pytest.param(b"a: 1\n---\nb: 2\n", "wanted one document", id="two documents"),
        pytest.param(b"- x\n" * 60_000, "wanted at most 50,000 values", id="a long list"),
    ],
)
def test_a_hostile_text_is_refused_fast_and_in_little_memory(data: bytes, said: str) -> None:
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(NotYaml) as caught:
            compose(data)
        spent, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert said in str(caught.value)
    assert spent < 5
    assert peak < 64 * 2**20


def test_a_large_honest_file_is_read() -> None:
    text = "streams:\n" + "".join(f"  cam-{n}: {{source: 'rtsp://c/{n}'}}\n" for n in range(1000))
    item, _ = compose(text.encode())
    assert isinstance(item, Item)
    assert item.size == 2002
