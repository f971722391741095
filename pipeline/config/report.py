"""Where mistakes are collected, each put where it stands in the file."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.config.document import Item, Mark
from pipeline.config.errors import ConfigError, Mistake, Step, key_path
from pipeline.config.keys import keys_below
from pipeline.config.near import did_you_mean
from pipeline.config.secrets import Secrets

SHOWN = 80  # characters of a wrong value

# What pydantic calls things, and what YAML calls them.
_WANTED = {
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "none_required": "null",
    "path_type": "a path",
}


class Report:
    """The mistakes of one file.

    root     its tree, once it has been read
    secrets  what no message may show
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root: Item | None = None
        self.secrets = Secrets()
        self._mistakes: list[tuple[Mark | None, str, str]] = []

    @property
    def mistaken(self) -> bool:
        """Whether anything is wrong so far."""
        return bool(self._mistakes)

    def at(self, mark: Mark | None, text: str, key: str = "") -> None:
        """Something is wrong at a place of the file."""
        self._mistakes.append((mark, key, text))

    def key(self, path: Iterable[Step], text: str, *, value: bool = False) -> None:
        """Something is wrong with a key, or with its value.

        It is reported at the nearest key above if it is not in the file itself.
        """
        steps = tuple(path)
        while steps and self._item(steps) is None:
            steps = steps[:-1]
        self.at(self._mark(steps, value=value), text, key_path(steps))

    def invalid(
        self, path: tuple[Step, ...], error: ValidationError, model: type[BaseModel]
    ) -> None:
        """Everything that pydantic has found when it read a model below a key."""
        found: dict[tuple[tuple[Step, ...], str], list[str]] = {}
        details = error.errors(include_url=False)
        for detail in details:
            if detail["type"] == "too_short" and _hollow(detail, details):
                continue
            steps = self._steps(path, detail)
            if detail["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
                name = str(detail["loc"][-1])
                near = did_you_mean(name, keys_below(model, detail["loc"][:-1]))
                self.key(steps, f"unknown key {name!r}; {near}")
            elif detail["type"] == "missing":
                self.key(steps, f"wanted the key {str(detail['loc'][-1])!r}, got none")
            else:
                found.setdefault((steps, self._got(steps, detail)), []).append(_wanted(detail))
        for (steps, got), wanted in found.items():
            self.key(steps, " or ".join(dict.fromkeys(wanted)) + got, value=True)

    def raise_if_any(self) -> None:
        """End here if anything is wrong. Raises ConfigError with all of it."""
        if self._mistakes:
            raise ConfigError(self.path, (self._mistake(*found) for found in self._mistakes))

    def show(self, value: object) -> str:
        """A value in a message: short, on one line, without secrets."""
        if isinstance(value, Mapping):
            return "a mapping"
        if isinstance(value, list | tuple):
            return "a list"
        if value is None or isinstance(value, bool):
            return {None: "nothing", True: "true", False: "false"}[value]
        if isinstance(value, str):
            value = self.secrets.mask(value)
        text = repr(value)
        return text if len(text) <= SHOWN else text[: SHOWN - 4] + "...'"

    def _mistake(self, mark: Mark | None, key: str, text: str) -> Mistake:
        line, column = (mark.line, mark.column) if mark else (0, 0)
        return Mistake(line, column, _printable(key), _printable(self.secrets.mask(text)))

    def _got(self, steps: tuple[Step, ...], detail: ErrorDetails) -> str:
        if detail["type"] in {"value_error", "assertion_error"}:
            return ""  # whoever raised it has said what was got
        item = self._item(steps)
        return f", got {self.show(detail['input'] if item is None else item.value)}"

    def _steps(self, path: tuple[Step, ...], detail: ErrorDetails) -> tuple[Step, ...]:
        """Where in the file: pydantic's own steps, such as the arm of a union, are left out."""
        steps = path
        missing = detail["type"] == "missing"
        for step in detail["loc"][:-1] if missing else detail["loc"]:
            if self._item((*steps, step)) is not None:
                steps += (step,)
        return steps

    def _item(self, steps: Iterable[Step]) -> Item | None:
        item = self.root
        for step in steps:
            if item is None:
                return None
            value = item.value
            if isinstance(value, Mapping) and isinstance(step, str):
                item = value.get(step)
            elif isinstance(value, tuple) and isinstance(step, int) and step < len(value):
                item = value[step]
            else:
                return None
        return item

    def _mark(self, steps: tuple[Step, ...], *, value: bool) -> Mark | None:
        item, holder = self._item(steps), self._item(steps[:-1])
        key = holder.keys.get(str(steps[-1])) if holder and steps else None
        if key is not None and not value:
            return key
        return item.mark if item else None


def _printable(text: str) -> str:
    """The same text on one line, and nothing in it that a terminal would obey."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


def _hollow(detail: ErrorDetails, details: Iterable[ErrorDetails]) -> bool:
    """Whether a list is only too short because some of its items are wrong."""
    loc = detail["loc"]
    return any(len(d["loc"]) > len(loc) and d["loc"][: len(loc)] == loc for d in details)


def _wanted(detail: ErrorDetails) -> str:
    kind, message = detail["type"], detail["msg"]
    if kind in {"value_error", "assertion_error"}:
        return message.split(", ", 1)[1] if ", " in message else message
    if kind in _WANTED:
        return f"wanted {_WANTED[kind]}"
    context = detail.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return f"wanted text like {context.get('pattern')}"
    if kind == "too_short" and context.get("min_length") == 1:
        return "wanted at least one"
    wanted = message.removeprefix("Input should be ")
    if wanted.startswith(("greater", "less", "a multiple")):
        return f"wanted a number {wanted}"
    return f"wanted {wanted}" if wanted != message else message
