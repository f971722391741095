"""`${NAME}` and `${NAME:-default}` in a config, taken from the environment.

The one file that reads `os.environ`. `$${` stands for the text `${`.
"""

import os
import re
from collections.abc import Callable, Mapping

from pipeline.config.document import Item, Mark

Complain = Callable[[Mark, str], None]

_REFERENCE = re.compile(
    r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-(?P<text>[^{}]*))?\}|\$\{"
)


def process_environment() -> Mapping[str, str]:
    """The environment that this process was started in."""
    return os.environ


class Environment:
    """Replaces the references in a tree, and remembers which variables it has used.

    used  what each of them holds
    """

    def __init__(self, values: Mapping[str, str], complain: Complain) -> None:
        self.used: dict[str, str] = {}
        self._values = values
        self._complain = complain
        self._done: dict[int, Item] = {}

    def fill(self, item: Item) -> Item:
        """The same tree with every reference replaced; shared branches stay shared."""
        done = self._done.get(id(item))
        if done is None:
            done = self._done[id(item)] = self._fill(item)
        return done

    def _fill(self, item: Item) -> Item:
        value = item.value
        if isinstance(value, str):
            return Item(self._text(value, item.mark), item.mark) if "${" in value else item
        if isinstance(value, tuple):
            items = tuple(self.fill(part) for part in value)
            return Item(items, item.mark, size=item.size, depth=item.depth)
        if isinstance(value, Mapping):
            filled = {key: self.fill(part) for key, part in value.items()}
            return Item(filled, item.mark, item.keys, item.size, item.depth)
        return item

    def _text(self, text: str, mark: Mark) -> str:
        return _REFERENCE.sub(lambda match: self._one(match, mark), text)

    def _one(self, match: re.Match[str], mark: Mark) -> str:
        if match[0] == "$${":
            return "${"
        name = match["name"]
        if name is None:
            self._complain(mark, "wanted ${NAME} or ${NAME:-default}, got '${' without either")
            return match[0]
        value = self._values.get(name, "")
        if value or (name in self._values and not match["default"]):
            self.used[name] = value
            return value
        if match["default"]:
            return str(match["text"])
        self._complain(mark, f"wanted the environment variable {name}, got none of that name")
        return match[0]
