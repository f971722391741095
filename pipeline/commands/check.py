"""`framewire validate`, `schema` and `graph`."""

import json
from collections.abc import Collection
from pathlib import Path

import typer

from pipeline.commands.read import BAD_CONFIG, read_config
from pipeline.config import PipelineConfig
from pipeline.config.kinds import installed_kinds, own_kinds
from pipeline.config.reference import reference
from pipeline.config.schema import config_schema
from pipeline.diagram import mermaid as drawn_as_mermaid
from pipeline.diagram import svg as drawn_as_svg
from sinks import published

FAILURE = 1


def validate(path: Path) -> int:
    """Check a config and say in short what it holds."""
    config = read_config(path)
    if config is None:
        return BAD_CONFIG
    typer.echo(f"{path}: good: {summary(config)}")
    return 0


def schema(*, markdown: bool, results: bool = False, asyncapi: bool = False) -> int:
    """Print the JSON Schema of a config, the page made of it, or that of what comes out."""
    if results:
        typer.echo(json.dumps(published.json_schema(), indent=2))
    elif asyncapi:
        typer.echo(json.dumps(published.asyncapi(), indent=2))
    elif markdown:
        typer.echo(reference(own_kinds()), nl=False)
    else:
        typer.echo(json.dumps(config_schema(installed_kinds()), indent=2))
    return 0


def graph(path: Path, svg: Path | None, *, mermaid: bool) -> int:
    """Draw the graph of a config. Its models and sources need not be there."""
    config = read_config(path, ready=False)
    if config is None:
        return BAD_CONFIG
    try:
        if svg is not None:
            svg.write_text(drawn_as_svg(config), encoding="utf-8")
    except OSError as error:
        typer.echo(f"{svg}: {error.strerror}", err=True)
        return FAILURE
    if mermaid or svg is None:
        typer.echo(drawn_as_mermaid(config), nl=False)
    return 0


def summary(config: PipelineConfig) -> str:
    """What a config holds, on one line."""
    return ", ".join(
        (
            _counted("stream", config.streams),
            _counted("node", config.graph),
            _counted("sink", config.sinks),
        )
    )


def _counted(word: str, names: Collection[str]) -> str:
    count = len(names)
    listed = f" ({', '.join(names)})" if names else ""
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}{listed}"
