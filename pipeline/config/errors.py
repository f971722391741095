"""What can be wrong with a config.

ConfigError   all mistakes of one file, each with its line, its key, what was wanted and got
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

Step = str | int
"""One step of a key path: a key of a mapping, or an index of a list."""


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing that is wrong.

    line, column  where it stands in the file, from 1; 0 when it stands nowhere
    key           the path of its key, such as "graph.detect.batch.max"; "" for the file itself
    text          what was wanted, and what was got; secrets are masked
    """

    line: int
    column: int
    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.key}: {self.text}" if self.key else self.text


class ConfigError(Exception):
    """A config that cannot be run, with everything that is wrong with it.

    path      the file
    mistakes  at least one, in the order of the file
    """

    def __init__(self, path: Path, mistakes: Iterable[Mistake]) -> None:
        self.path = path
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """One line a mistake, as compilers write them: `file:line:column: key: text`."""
        return [
            f"{self.path}:{mistake.line}:{mistake.column}: {mistake}"
            if mistake.line
            else f"{self.path}: {mistake}"
            for mistake in self.mistakes
        ]


def key_path(steps: Iterable[Step]) -> str:
    """`("graph", "detect", "from", 1)` as `graph.detect.from[1]`."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")
