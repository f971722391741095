"""`framewire top`."""

import sys
from pathlib import Path

import typer
from rich.console import Console

from pipeline.config.environment import process_environment
from pipeline.remote import Away, BadAddress, asking
from pipeline.top import once, watch

TOKEN = "FRAMEWIRE_TOKEN"  # noqa: S105 - where it stands

WIDE = 132  # columns, into a pipe


def top(address: str, every: float, trust: Path | None, *, single: bool) -> int:
    """Show what an instance does. Returns the exit code."""
    try:
        ask = asking(address, process_environment().get(TOKEN), trust)
    except (BadAddress, OSError) as error:
        typer.echo(f"top: {error}", err=True)
        return 2
    try:
        if single or not (sys.stdin.isatty() and sys.stdout.isatty()):
            once(ask, address, Console(width=None if sys.stdout.isatty() else WIDE))
        else:
            watch(ask, address, every)
    except Away as away:
        typer.echo(f"{address}: {away}", err=True)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0
