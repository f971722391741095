"""The words of `framewire watch`."""

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[
    str,
    typer.Argument(
        metavar="URL", help="`redis://`, `rediss://`, `unix://`, `redis+sentinel://`.",
        show_default=False,
    ),
]  # fmt: skip


def watch(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    url: Url,
    stream: Annotated[str | None, typer.Option(help="Only of this stream.")] = None,
    node: Annotated[str | None, typer.Option(help="Only of this node.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            help="An id, a moment, or how long ago: `10m`. By default all, or now with -f."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for more, until Ctrl-C.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Over channels: as early as can be; follows.")
    ] = False,
    events: Annotated[bool, typer.Option("--events", help="Events too.")] = False,
    prefix: Annotated[str, typer.Option(help="As in the sink's config.")] = "framewire",
    cluster: Annotated[bool, typer.Option("--cluster", help="URL is a Cluster's node.")] = False,
    ca: Annotated[Path | None, typer.Option(help="Certificates, for TLS.")] = None,
) -> None:
    """Print results out of Redis, a line of JSON each. Without --follow: those that are there."""
    from pipeline.commands.watch import Asked  # noqa: PLC0415
    from pipeline.commands.watch import watch as command  # noqa: PLC0415

    asked: Asked = {"stream": stream, "node": node, "events": events, "prefix": prefix}
    raise typer.Exit(
        command(url, asked, since, follow=follow, live=live, cluster=cluster, ca=ca),
    )
