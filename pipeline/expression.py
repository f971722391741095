"""The small safe language of `when`: a condition on what earlier nodes have said about a frame.

    detect.person > 0 and not (faces.count >= 2 or detect."traffic light")

    condition   either { "or" either }
    either      negated { "and" negated }
    negated     "not" negated | comparison
    comparison  sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]
    sum         product { ("+" | "-") product }
    product     factor { ("*" | "/") factor }
    factor      "-" factor | number | reference | "(" condition ")"
    reference   name "." name

A name is letters, digits, `_` and `-`, and begins with a letter or `_`; any other name, and `and`,
`or` and `not`, stand in quotes. So a minus sign wants a space before it: `a.x-1` is one name.
Everything is a number: truth is 1 and 0, and whatever is not 0 is true. A node that has said
nothing about a frame counts as 0, and so does a division by 0.

ConditionError
├── BadCondition     the text is not a condition
└── UnknownMeasure   a result does not know the name that the condition asks it for
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from models.results import Result

LENGTH_MAX = 500  # characters; a chain of sums is as deep as it is long
DEPTH_MAX = 50  # open parentheses, minus signs and nots

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[0-9]{1,18}(?:\.[0-9]{1,18})?(?![A-Za-z_.0-9]))
      | (?P<name>[A-Za-z_][A-Za-z0-9_-]*)
      | (?P<quoted>"[^"]*"|'[^']*')
      | (?P<sign><=|>=|==|!=|[<>+\-*/().])
    )""",
    re.VERBOSE,
)
_WORDS = ("and", "or", "not")


class ConditionError(Exception):
    """The root of what can go wrong with a condition."""


class BadCondition(ConditionError):
    """The text is not a condition."""


class UnknownMeasure(ConditionError):
    """A result does not know the name that the condition asks it for."""


class Term(Protocol):
    """A part of a condition."""

    def value(self, results: Mapping[str, Result]) -> float:
        """What it comes to for one frame."""
        ...


@dataclass(frozen=True, slots=True)
class Number:
    """A number in the text."""

    number: float

    def value(self, results: Mapping[str, Result]) -> float:  # noqa: ARG002
        return self.number


@dataclass(frozen=True, slots=True)
class Reference:
    """What a node says under a name."""

    node: str
    name: str

    def value(self, results: Mapping[str, Result]) -> float:
        result = results.get(self.node)
        if result is None:
            return 0.0
        try:
            return float(result.measure(self.name))
        except KeyError:
            raise UnknownMeasure(
                f"{self.node}.{self.name}: wanted something that {self.node} counts, "
                f"got a name that its results ({result.kind}) do not know"
            ) from None


@dataclass(frozen=True, slots=True)
class Operation:
    """Two terms and what is done with them."""

    sign: str
    left: Term
    right: Term

    def value(self, results: Mapping[str, Result]) -> float:
        left, right = self.left.value(results), self.right.value(results)
        return float(_OPERATIONS[self.sign](left, right))


@dataclass(frozen=True, slots=True)
class Both:
    """`and`; the right side is asked only if the left one holds."""

    left: Term
    right: Term

    def value(self, results: Mapping[str, Result]) -> float:
        return float(_true(self.left.value(results)) and _true(self.right.value(results)))


@dataclass(frozen=True, slots=True)
class Either:
    """`or`; the right side is asked only if the left one does not hold."""

    left: Term
    right: Term

    def value(self, results: Mapping[str, Result]) -> float:
        return float(_true(self.left.value(results)) or _true(self.right.value(results)))


@dataclass(frozen=True, slots=True)
class Not:
    """`not`."""

    term: Term

    def value(self, results: Mapping[str, Result]) -> float:
        return float(not _true(self.term.value(results)))


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition, ready to be asked.

    text   as it stands in the config
    nodes  the names of the nodes it refers to
    """

    text: str
    nodes: frozenset[str]
    term: Term

    def holds(self, results: Mapping[str, Result]) -> bool:
        """Whether it is true of a frame with these results.

        raises  UnknownMeasure, with the text of the condition
        """
        try:
            return _true(self.term.value(results))
        except UnknownMeasure as error:
            raise UnknownMeasure(f"when {self.text!r}: {error}") from None


def compile_condition(text: str) -> Condition:
    """Read a condition. Nothing in it is ever run as code.

    raises  BadCondition, with the column at which it stops making sense
    """
    if len(text) > LENGTH_MAX:
        raise BadCondition(f"wanted at most {LENGTH_MAX} characters, got {len(text):,}")
    parser = _Parser(text)
    term = parser.whole()
    return Condition(text, frozenset(parser.nodes), term)


class _Parser:
    """Recursive descent, one method a line of the grammar."""

    def __init__(self, text: str) -> None:
        self.nodes: set[str] = set()
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> Term:
        term = self._condition()
        if self._peek():
            raise self._wrong("the end, or an operator")
        return term

    def _condition(self) -> Term:
        term = self._both()
        while self._word("or"):
            term = Either(term, self._both())
        return term

    def _both(self) -> Term:
        term = self._negated()
        while self._word("and"):
            term = Both(term, self._negated())
        return term

    def _negated(self) -> Term:
        if self._word("not"):
            return Not(self._deeper(self._negated))
        return self._comparison()

    def _comparison(self) -> Term:
        term = self._sum()
        sign = self._sign("<", "<=", ">", ">=", "==", "!=")
        return Operation(sign, term, self._sum()) if sign else term

    def _sum(self) -> Term:
        term = self._product()
        while sign := self._sign("+", "-"):
            term = Operation(sign, term, self._product())
        return term

    def _product(self) -> Term:
        term = self._factor()
        while sign := self._sign("*", "/"):
            term = Operation(sign, term, self._factor())
        return term

    def _factor(self) -> Term:
        if self._sign("-"):
            return Operation("-", Number(0.0), self._deeper(self._factor))
        if self._sign("("):
            term = self._deeper(self._condition)
            if not self._sign(")"):
                raise self._wrong("')'")
            return term
        kind, token, _ = self._peek() or ("end", "", 0)
        if kind == "number":
            self._at += 1
            return Number(float(token))
        node = self._name("a number, node.name, or '('")
        if not self._sign("."):
            raise self._wrong(f"'.' and a name after {node!r}")
        self.nodes.add(node)
        return Reference(node, self._name("a name after '.'"))

    def _name(self, wanted: str) -> str:
        kind, token, _ = self._peek() or ("end", "", 0)
        if kind == "quoted" or (kind == "name" and token not in _WORDS):
            self._at += 1
            return token[1:-1] if kind == "quoted" else token
        raise self._wrong(wanted)

    def _peek(self) -> tuple[str, str, int] | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _word(self, word: str) -> bool:
        if self._peek() and self._tokens[self._at][:2] == ("name", word):
            self._at += 1
            return True
        return False

    def _sign(self, *signs: str) -> str:
        kind, token, _ = self._peek() or ("end", "", 0)
        if kind == "sign" and token in signs:
            self._at += 1
            return token
        return ""

    def _deeper(self, part: Callable[[], Term]) -> Term:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise BadCondition(f"wanted at most {DEPTH_MAX} levels, got more")
        term = part()
        self._depth -= 1
        return term

    def _wrong(self, wanted: str) -> BadCondition:
        kind, token, column = self._peek() or ("end", "", len(self._text))
        got = "the end" if kind == "end" else repr(token)
        return BadCondition(f"column {column + 1} of the condition: wanted {wanted}, got {got}")


def _tokens(text: str) -> list[tuple[str, str, int]]:
    """(kind, text, column from 0) of each token."""
    tokens: list[tuple[str, str, int]] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            column = at + len(text[at:]) - len(text[at:].lstrip())
            raise BadCondition(
                f"column {column + 1} of the condition: "
                f"wanted a number, a name or an operator, got {text[column]!r}"
            )
        kind = match.lastgroup
        tokens.append((kind, match[kind], match.start(kind)))
        at = match.end()
    return tokens


def _true(value: float) -> bool:
    return value != 0 and not math.isnan(value)


def _divide(left: float, right: float) -> float:
    return left / right if right else 0.0


_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
}
