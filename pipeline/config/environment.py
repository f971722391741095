"""`${NAME}` and `${NAME:-default}` in a config, taken from the environment.

Where NAME is not set and NAME_FILE is, what is in that file stands for it, without the line breaks
at its end: so services and containers are given secrets (systemd's credentials, /run/secrets).

The one file that reads `os.environ`. `$${` stands for the text `${`.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.config.document import Item, Mark

SECRET_MAX = 64 * 1024  # bytes of a file

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
        try:
            value = self._values.get(name, "") or self._from_file(name)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            self._complain(mark, f"wanted the file that {name}_FILE names, got: {why}")
            return match[0]
        if value or (name in self._values and not match["default"]):
            self.used[name] = value
            return value
        if match["default"]:
            return str(match["text"])
        self._complain(mark, f"wanted the environment variable {name}, got none of that name")
        return match[0]

    def _from_file(self, name: str) -> str:
        """What is in the file that NAME_FILE names, "" if it names none."""
        path = self._values.get(f"{name}_FILE", "")
        if not path:
            return ""
        with Path(path).open("rb") as file:
            data = file.read(SECRET_MAX + 1)
        if len(data) > SECRET_MAX:
            raise ValueError(f"more than {SECRET_MAX} bytes")
        return data.decode("utf-8").rstrip("\r\n")
