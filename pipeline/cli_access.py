"""The words of `framewire password`, `token` and `link`."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.", show_default=False)]


def password() -> None:
    """Ask for a password, or read one from a pipe, and print the hash that a config keeps of it."""
    from pipeline.commands.access import password as command  # noqa: PLC0415

    raise typer.Exit(command())


def token() -> None:
    """Print a new token, or secret, for `http.access`."""
    from pipeline.commands.access import token as command  # noqa: PLC0415

    raise typer.Exit(command())


def link(
    config: Config,
    stream: Annotated[
        list[str], typer.Option(metavar="NAME", help="What may be watched. May be repeated.")
    ],
    lasts: Annotated[
        str, typer.Option("--for", metavar="TIME", help="Such as 30m, 1h, 2d; 7d at most.")
    ] = "1h",
    name: Annotated[str, typer.Option(help="For whom, as the audit log will have it.")] = "guest",
    at: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where the server is reached, if not where it listens."),
    ] = None,
) -> None:
    """Print a link with which somebody may watch a stream for a while."""
    from pipeline.commands.access import link as command  # noqa: PLC0415

    raise typer.Exit(command(config, stream, lasts, name, at))
