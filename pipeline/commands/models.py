"""`framewire models`: what framewire knows by name, and what of it is ready."""

import sys

import typer
from rich.console import Console
from rich.table import Table

from models import store
from models.errors import ModelError
from models.spec import ModelSpec
from models.zoo import ZOO, spec

FAILURE, USAGE = 1, 2
LABELS_SHOWN = 12


def list_models() -> int:
    """All models, one a line."""
    table = Table("model", "task", "input", "classes", "licence", "ready", box=None)
    for known in ZOO.values():
        table.add_row(
            known.name,
            known.task,
            f"{known.input.width}x{known.input.height}",
            str(len(known.labels) or "-"),
            known.licence,
            "yes" if store.path(known).exists() else f"framewire models pull {known.name}",
        )
    Console(soft_wrap=True).print(table)
    return 0


def show_model(name: str) -> int:
    """What is known of a model."""
    known = _known(name)
    if known is None:
        return USAGE
    for key, value in _facts(known).items():
        typer.echo(f"{key:<8}  {value}")
    return 0


def pull_model(name: str) -> int:
    """Make a model ready, and print where it lies."""
    known = _known(name)
    if known is None:
        return USAGE
    try:
        typer.echo(store.ensure(known))
    except ModelError as error:
        typer.echo(f"{name}: {error}", file=sys.stderr)
        return FAILURE
    return 0


def _known(name: str) -> ModelSpec | None:
    try:
        return spec(name)
    except ModelError as error:
        typer.echo(error, file=sys.stderr)
        return None


def _facts(known: ModelSpec) -> dict[str, str]:
    labels = ", ".join(known.labels[:LABELS_SHOWN])
    more = f", ... ({len(known.labels)} in all)" if len(known.labels) > LABELS_SHOWN else ""
    size = f"{known.input.width}x{known.input.height}, {known.input.order}, {known.input.fit}"
    origin, file = known.origin, store.path(known)
    facts = {
        "name": known.name,
        "task": known.task,
        "family": known.family,
        "input": size,
        "classes": labels + more,
        "points": ", ".join(known.points),
        "licence": known.licence,
        "source": known.source,
        "origin": f"{origin.distribution} {origin.version}, {origin.path}" if origin else "",
        "file": str(file) if file.exists() else "not ready: framewire models pull " + known.name,
    }
    return {key: value for key, value in facts.items() if value}
