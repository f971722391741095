"""The command line. Exit codes: 0 clean, 1 failure, 2 a bad config or a wrong call.

Only typer is imported here: what a command needs is imported when it is called, so that `--help`
and a mistyped option answer at once.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli_access import link, password, token
from pipeline.cli_faces import faces
from pipeline.cli_models import models
from pipeline.cli_watch import watch

app = typer.Typer(
    help="Live video in, a graph of vision models in the middle, results you can watch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(models, name="models")
new = typer.Typer(help="Files to begin with.", no_args_is_help=True)
app.add_typer(new, name="new")
app.add_typer(faces, name="faces")


class Level(StrEnum):
    """How much is said while it runs."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.", show_default=False)]


@app.command()
def run(
    config: Config,
    seconds: Annotated[
        float | None, typer.Option("--for", min=0.1, help="Stop after so many seconds.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write what happened to every frame, as JSON.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[STREAM=]URL",
            help="Another source than the config's, for all streams or for one. May be repeated.",
        ),
    ] = None,
    table: Annotated[
        bool | None,
        typer.Option(
            "--table/--no-table",
            help="Show a live table. By default on a terminal.",
            show_default=False,
        ),
    ] = None,
    log_level: Annotated[Level, typer.Option(help="The least that is said.")] = Level.INFO,
) -> None:
    """Run a config until its sources end, until Ctrl-C, or for some seconds."""
    from pipeline.commands.run import run as command  # noqa: PLC0415

    raise typer.Exit(command(config, seconds, report, tuple(source or ()), table, log_level.value))


@app.command()
def validate(config: Config) -> None:
    """Check a config, and name everything that is wrong with it."""
    from pipeline.commands.check import validate as command  # noqa: PLC0415

    raise typer.Exit(command(config))


@app.command()
def schema(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As a page to read, for docs/config.md.")
    ] = False,
    results: Annotated[
        bool, typer.Option("--results", help="Of results and events instead.")
    ] = False,
    asyncapi: Annotated[
        bool, typer.Option("--asyncapi", help="Of the channels they come over, as AsyncAPI.")
    ] = False,
) -> None:
    """Print the JSON Schema of a config, for editors, or of what comes out."""
    from pipeline.commands.check import schema as command  # noqa: PLC0415

    raise typer.Exit(command(markdown=markdown, results=results, asyncapi=asyncapi))


@app.command()
def graph(
    config: Config,
    svg: Annotated[Path | None, typer.Option(help="Draw it into this file.")] = None,
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print Mermaid text; the default without --svg.")
    ] = False,
) -> None:
    """Draw the graph of a config."""
    from pipeline.commands.check import graph as command  # noqa: PLC0415

    raise typer.Exit(command(config, svg, mermaid=mermaid))


@app.command()
def doctor(
    redis: Annotated[
        str | None, typer.Option(metavar="URL", help="Also look whether this Redis answers.")
    ] = None,
) -> None:
    """Say what this machine can do, and what each missing thing would need."""
    from pipeline.commands.doctor import doctor as command  # noqa: PLC0415

    raise typer.Exit(command(redis))


@app.command()
def top(
    url: Annotated[
        str, typer.Argument(metavar="[URL]", help="Where its server is.")
    ] = "http://127.0.0.1:8080",
    every: Annotated[float, typer.Option(min=0.1, max=60, help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Print it once, and end.")] = False,
    trust: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A certificate (PEM) to trust, such as a self-signed."),
    ] = None,
) -> None:
    """Watch an instance that runs: rates, losses, latency, cost, events. `q` ends it.

    A token, if it wants one, is taken from the environment: FRAMEWIRE_TOKEN.
    """
    from pipeline.commands.top import top as command  # noqa: PLC0415

    raise typer.Exit(command(url, every, trust, single=once))


@app.command()
def replay(
    recording: Annotated[
        Path,
        typer.Argument(metavar="RECORDING", help="An mp4 file of `sink: record`, or a folder."),
    ],
    config: Config,
    report: Annotated[
        Path | None, typer.Option(help="Write what happened to every frame, as JSON.")
    ] = None,
    log_level: Annotated[Level, typer.Option(help="The least that is said.")] = Level.INFO,
) -> None:
    """Run a config of one stream over a recording, under the clocks it was recorded under."""
    from pipeline.commands.replay import replay as command  # noqa: PLC0415

    raise typer.Exit(command(recording, config, report, log_level.value))


@app.command()
def verify(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Recordings with `evidence: true`.")
    ],
    key: Annotated[
        str | None, typer.Option(help="The public key that must have signed them.")
    ] = None,
    known: Annotated[
        str | None,
        typer.Option(metavar="DIGEST", help="A record that must be there, from an earlier check."),
    ] = None,
) -> None:
    """Check that recordings are what was recorded, and all of it; name the first break."""
    from pipeline.commands.verify import check as command  # noqa: PLC0415

    raise typer.Exit(command(folder, key, known))


app.command()(watch)


@new.command("stage")
def new_stage(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as `gauge`.")],
    folder: Annotated[Path, typer.Option(help="Where to; made if need be.")] = Path(),
) -> None:
    """Write a stage of your own to begin with, its test, and a config that runs it."""
    from pipeline.commands.new import new_stage as command  # noqa: PLC0415

    raise typer.Exit(command(name, folder))


for command in (password, token, link):
    app.command()(command)


def main() -> None:
    """Do what the arguments of the process say, and end it."""
    app()
