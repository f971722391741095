"""The small language of `when`."""

import ast
import operator
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.results import Result
from pipeline.expression import (
    DEPTH_MAX,
    LENGTH_MAX,
    BadCondition,
    UnknownMeasure,
    compile_condition,
)


class Numbers:
    """A result that knows some numbers by name."""

    kind = "numbers"

    def __init__(self, numbers: Mapping[str, float]) -> None:
        self.numbers = numbers

    def measure(self, name: str) -> float:
        return self.numbers[name]

    def to_wire(self) -> Mapping[str, object]:
        return self.numbers


FOUND: dict[str, Result] = {
    "detect": Numbers({"person": 2, "traffic light": 1, "count": 3, "t-shirt": 0, "it's": 5}),
    "cars-2": Numbers({"score": 0.75}),
    "3d": Numbers({"count": 1}),
    "not": Numbers({"and": 1}),
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("detect.person > 0", True),
        ("detect.person>2", False),
        ("detect.person >= 2", True),
        ("detect.person == 2 ", True),
        ("detect.person != 2", False),
        ("detect.person <= 1", False),
        ("1 < 2", True),
        ("detect.person", True),
        ("detect.t-shirt", False),
        ('detect."traffic light" > 0', True),
        ("detect.'traffic light' > 0", True),
        ('detect."it\'s" == 5', True),
        ("cars-2.score > 0.7", True),
        ('"3d".count == 1', True),
        ('"not"."and" == 1', True),
        ("nobody.person > 0", False),
        ("nobody.person == 0", True),
        ("not detect.person", False),
        ("not not detect.person", True),
        ("not detect.person > 5", True),
        ("detect.person > 5 or detect.count == 3 and detect.person", True),
        ("(detect.person > 5 or detect.count == 3) and not detect.person", False),
        ("detect.count - detect.person == 1", True),
        ("detect.count - 1 - 1 == 1", True),
        ("2 + 3 * 4 == 14", True),
        ("(2 + 3) * 4 == 20", True),
        ("12 / 3 / 2 == 2", True),
        ("-detect.person < 0", True),
        ("--1 == 1", True),
        ("1 / 0 == 0", True),
        ("detect.person / nobody.count > 1", False),
        ("(detect.person > 0) + (detect.count > 0) >= 2", True),
        ("detect . person > 0", True),
        ("\tdetect.person\n> 0", True),
    ],
)
def test_a_condition_holds_or_not(text: str, holds: bool) -> None:
    assert compile_condition(text).holds(FOUND) is holds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "column 1 of the condition: wanted a number, node.name, or '(', got the end"),
        ("   ", "column 4 of the condition: wanted a number, node.name, or '(', got the end"),
        ("detect", "column 7 of the condition: wanted '.' and a name after 'detect', got the end"),
        ("detect.", "column 8 of the condition: wanted a name after '.', got the end"),
        ("detect.9", "column 8 of the condition: wanted a name after '.', got '9'"),
        ("detect.person > ", "wanted a number, node.name, or '(', got the end"),
        ("detect.person > 0 0", "column 19 of the condition: wanted the end, or an operator"),
        ("1 < 2 < 3", "column 7 of the condition: wanted the end, or an operator, got '<'"),
        ("(1", "wanted ')', got the end"),
        ("1)", "wanted the end, or an operator, got ')'"),
        ("1 and", "wanted a number, node.name, or '(', got the end"),
        ("and 1", "wanted a number, node.name, or '(', got 'and'"),
        ("detect.person = 1", "column 15 of the condition: wanted a number, a name or an operator"),
        ("detect.person > 1.", "wanted a number, a name or an operator, got '1'"),
        ("3d.count", "column 1 of the condition: wanted a number, a name or an operator, got '3'"),
        ('detect."open', "got '\"'"),
        ("__import__('os').system('ls')", "wanted '.' and a name after '__import__', got '('"),
        ("detect.person ** 2", "wanted a number, node.name, or '(', got '*'"),
        ("[1]", "got '['"),
        ("1; 2", "got ';'"),
        ("(" * (DEPTH_MAX + 1) + "1", f"wanted at most {DEPTH_MAX} levels"),
        ("-" * (DEPTH_MAX + 1) + "1", f"wanted at most {DEPTH_MAX} levels"),
        ("not " * (DEPTH_MAX + 1) + "1", f"wanted at most {DEPTH_MAX} levels"),
        ("1" + " " * LENGTH_MAX, f"wanted at most {LENGTH_MAX} characters"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(BadCondition) as caught:
        compile_condition(text)
    assert said in str(caught.value)


def test_a_condition_knows_the_nodes_that_it_asks() -> None:
    text = "detect.a > 0 or not (cars-2.b < 1 and detect.c) or 'x y'.z"
    assert compile_condition(text).nodes == {"detect", "cars-2", "x y"}


def test_a_name_that_a_result_does_not_know_is_told_with_the_condition() -> None:
    condition = compile_condition("detect.persn > 0")
    with pytest.raises(UnknownMeasure) as caught:
        condition.holds(FOUND)
    assert "when 'detect.persn > 0'" in str(caught.value)
    assert "detect.persn: wanted something that detect counts" in str(caught.value)
    assert "numbers" in str(caught.value)


def test_the_right_side_is_not_asked_when_the_left_one_decides() -> None:
    assert compile_condition("detect.person or detect.persn").holds(FOUND)
    assert not compile_condition("detect.t-shirt and detect.persn").holds(FOUND)


def test_the_longest_chain_can_be_asked() -> None:
    text = "+".join(["1"] * (LENGTH_MAX // 2))
    assert compile_condition(f"{text} == {LENGTH_MAX // 2}"[:LENGTH_MAX]).holds({})


NAMES = st.sampled_from(["person", "count", "traffic light"])
NUMBERS = st.integers(0, 20)
ATOMS = NUMBERS.map(str) | NAMES.map(lambda name: f'detect."{name}"')
SIGNS = st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "+", "-", "*"])
WORDS = st.sampled_from(["and", "or"])


def _deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.tuples(inner, SIGNS, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
        | st.tuples(inner, WORDS, inner).map(lambda t: f"(({t[0]}) {t[1]} ({t[2]}))")
        | inner.map(lambda term: f"(not {term})")
        | inner.map(lambda term: f"(-{term})")
    )


CONDITIONS = st.recursive(ATOMS, _deeper, max_leaves=8).filter(lambda text: len(text) <= LENGTH_MAX)


SIGNS_OF = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.And: lambda a, b: bool(a) and bool(b), ast.Or: lambda a, b: bool(a) or bool(b),
    ast.Not: operator.not_, ast.USub: operator.neg,
}  # fmt: skip


def _as_python(node: ast.expr, numbers: Mapping[str, float]) -> float:
    """What Python makes of the same text, with our rule that truth is 1 and 0."""
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return numbers[name]
        case ast.UnaryOp(op=op, operand=only):
            parts = [only]
        case ast.BoolOp(op=op, values=parts):
            pass
        case ast.BinOp(op=op, left=left, right=right):
            parts = [left, right]
        case ast.Compare(ops=[op], left=left, comparators=[right]):
            parts = [left, right]
        case _:
            raise AssertionError(ast.dump(node))
    return float(SIGNS_OF[type(op)](*(_as_python(part, numbers) for part in parts)))


@given(CONDITIONS, NUMBERS, NUMBERS, NUMBERS)
def test_a_condition_means_what_python_would_mean(text: str, a: int, b: int, c: int) -> None:
    numbers = {"person": a, "count": b, "traffic light": c}
    python = ast.parse(text.replace('detect."', 'detect["').replace('"', '"]').replace('["]', '["'),
                       mode="eval")  # fmt: skip
    wanted = bool(_as_python(python.body, numbers))
    assert compile_condition(text).holds({"detect": Numbers(numbers)}) is wanted


@given(st.text(alphabet="abdenortx19._-+*/<>=!()\"' ", max_size=40) | st.text(max_size=40))
def test_any_text_is_a_condition_or_is_refused(text: str) -> None:
    try:
        condition = compile_condition(text)
    except BadCondition:
        return
    with suppress(UnknownMeasure):
        assert condition.holds(FOUND) in {True, False}
