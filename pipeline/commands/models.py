"""`framewire models list`, `show` and `card`: what framewire knows by name."""

import sys
from pathlib import Path
from shutil import get_terminal_size

import typer
from rich.console import Console
from rich.markdown import Markdown

import models
from models import store
from models.errors import BadModel, ModelError
from models.originals import how_to_get
from models.spec import Download, ModelSpec, PackageFile
from models.zoo import ZOO, spec

USAGE = 2
LABELS_SHOWN = 12
TITLES = ("model", "task", "input", "classes", "ready", "licence")
CARDS = Path(models.__file__).parent / "cards"


def list_models() -> int:
    """All models, one a line; `show` says the rest."""
    rows: list[tuple[str, ...]] = [TITLES]
    for known in ZOO.values():
        size = f"{known.input.width}x{known.input.height}"
        classes = str(len(known.labels) or "-")
        rows.append((known.name, known.task, size, classes, _step(known), known.licence))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    # A terminal cuts the longest licences off; what is piped into `grep` is whole.
    most = get_terminal_size().columns if sys.stdout.isatty() else None
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        typer.echo("  ".join(cells).rstrip()[:most])
    return 0


def show_model(name: str) -> int:
    """What is known of a model."""
    known = known_model(name)
    if known is None:
        return USAGE
    for key, value in _facts(known).items():
        typer.echo(f"{key:<10}  {value}")
    return 0


def show_card(name: str) -> int:
    """A model's card, as Markdown where the output is not a terminal.

    What was trained here and is opened by its path, `raccoon-320`, has a card too.
    """
    cards = {file.stem: file for file in CARDS.glob("*.md")}
    if name not in cards and known_model(name) is None:
        return USAGE
    text = cards[name].read_text(encoding="utf-8")
    if sys.stdout.isatty():
        Console().print(Markdown(text))
    else:
        typer.echo(text, nl=False)
    return 0


def known_model(name: str) -> ModelSpec | None:
    """The spec of that name; None, with a word on stderr, where there is none."""
    try:
        return spec(name)
    except ModelError as error:
        typer.echo(error, file=sys.stderr)
        return None


def said(name: str, error: Exception) -> str:
    """An error about a model in a line that names the model once."""
    text = str(error)
    return text if name in text else f"{name}: {text}"


def ready(known: ModelSpec) -> bool:
    """Whether a model's ONNX file is there.

    raises  BadModel if what is kept of its import cannot be read
    """
    file = store.path(known)
    return file is not None and file.exists()


def _step(known: ModelSpec) -> str:
    """What a model is still to be made ready by, in a word."""
    try:
        if ready(known):
            return "yes"
    except BadModel:
        return "broken"
    return "import" if known.origin is None else "pull"


def _labels(known: ModelSpec) -> tuple[str, ...]:
    """Those that came with an import, or the zoo's."""
    try:
        mine = store.imported(known.name)
    except BadModel:  # said under "file"
        mine = None
    return known.labels if mine is None else mine.labels


def _file(known: ModelSpec) -> str:
    try:
        return str(store.path(known)) if ready(known) else f"not ready: {how_to_get(known)}"
    except BadModel as error:
        return str(error)


def _facts(known: ModelSpec) -> dict[str, str]:
    names = _labels(known)
    labels = ", ".join(names[:LABELS_SHOWN])
    more = f", ... ({len(names)} in all)" if len(names) > LABELS_SHOWN else ""
    size = f"{known.input.width}x{known.input.height}, {known.input.order}, {known.input.fit}"
    count = known.parameters
    facts = {
        "name": known.name,
        "task": known.task,
        "family": f"{known.family} {known.variant}".rstrip(),
        "input": size,
        "values": f"(value - {_channels(known.input.mean)}) / {_channels(known.input.std)}",
        "classes": labels + more,
        "points": ", ".join(known.points),
        "parameters": f"{count.numbers:,} ({count.source})" if count else "",
        "licence": known.licence,
        "source": known.source,
        "citation": known.citation,
        "accuracy": known.accuracy,
        "published": known.published,
        "origin": _origin(known),
        "file": _file(known),
    }
    return {key: value for key, value in facts.items() if value}


def _channels(values: tuple[float, float, float]) -> str:
    if len(set(values)) == 1:
        return f"{values[0]:g}"
    return "[" + ", ".join(f"{value:g}" for value in values) + "]"


def _origin(known: ModelSpec) -> str:
    match known.origin:
        case PackageFile() as file:
            return f"{file.distribution} {file.version}, {file.path}"
        case Download() as file:
            return file.url
        case None:
            return ""
