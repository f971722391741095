"""Reading a config for a command: a bad one is told on stderr, with exit code 2."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from pipeline.config import ConfigError, PipelineConfig, installed_parts, load_config

BAD_CONFIG = 2


def read_config(
    path: Path, *, sources: Sequence[str] = (), ready: bool = True
) -> PipelineConfig | None:
    """A config, or None after all its mistakes have been printed.

    sources  in place of the config's own; a relative path starts where the command is called
    ready    also look whether the models' files and the sources are there
    """
    try:
        return load_config(
            path, sources=[_absolute(s) for s in sources], parts=installed_parts(ready=ready)
        )
    except ConfigError as error:
        _tell(error)
        return None


def _absolute(source: str) -> str:
    name, equals, file = source.rpartition("=")
    if Path(source).exists():
        return str(Path(source).absolute())
    if equals and Path(file).exists():
        return f"{name}={Path(file).absolute()}"
    return source


def _tell(error: ConfigError) -> None:
    console = Console(file=sys.stderr, soft_wrap=True, highlight=False)
    for line, mistake in zip(error.lines(), error.mistakes, strict=True):
        place = line.removesuffix(str(mistake))
        said = str(mistake).removeprefix(mistake.key)
        console.print(Text.assemble((place, "dim"), (mistake.key, "bold red"), said))
    count = len(error.mistakes)
    console.print(Text(f"{count} mistake{'s' if count > 1 else ''}", style="red"))
