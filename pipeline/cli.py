"""The command line. Exit codes: 0 clean, 1 failure, 2 a bad config or a wrong call.

Only typer is imported here: what a command needs is imported when it is called, so that `--help`
and a mistyped option answer at once.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli_watch import watch

app = typer.Typer(
    help="Live video in, a graph of vision models in the middle, results you can watch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
models = typer.Typer(help="The models that framewire knows by name.", no_args_is_help=True)
app.add_typer(models, name="models")
new = typer.Typer(help="Files to begin with.", no_args_is_help=True)
app.add_typer(new, name="new")

faces = typer.Typer(help="The people that `stage: recognise` knows.", no_args_is_help=True)
app.add_typer(faces, name="faces")


class Level(StrEnum):
    """How much is said while it runs."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.", show_default=False)]
Model = Annotated[str, typer.Argument(metavar="NAME", help="See `framewire models list`.")]


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


@models.command("list")
def models_list() -> None:
    """List the models, and which of them are ready."""
    from pipeline.commands.models import list_models as command  # noqa: PLC0415

    raise typer.Exit(command())


@models.command("show")
def models_show(name: Model) -> None:
    """Say what is known of a model: its input, its classes, its licence, its origin."""
    from pipeline.commands.models import show_model as command  # noqa: PLC0415

    raise typer.Exit(command(name))


@models.command("card")
def models_card(name: Model) -> None:
    """Print a model's card: what it is for, where it is from, how good it is."""
    from pipeline.commands.models import show_card as command  # noqa: PLC0415

    raise typer.Exit(command(name))


@models.command("pull")
def models_pull(name: Model) -> None:
    """Make a model ready to run, from published weights. Does nothing if it is."""
    from pipeline.commands.models_files import pull_model as command  # noqa: PLC0415

    raise typer.Exit(command(name))


@models.command("import")
def models_import(
    name: Model,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="The original weights.")],
    labels: Annotated[
        Path | None, typer.Option(help="Names of the classes, one a line, if not the model's.")
    ] = None,
) -> None:
    """Make a model ready from original weights of your own."""
    from pipeline.commands.models_files import import_model as command  # noqa: PLC0415

    raise typer.Exit(command(name, files, labels))


@models.command("export")
def models_export(
    name: Model,
    to: Annotated[Path | None, typer.Option(help="The ONNX file to write.")] = None,
    fp16: Annotated[bool, typer.Option("--fp16", help="In float16, for GPUs.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="In int8, for CPUs.")] = False,
    calibrate: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Pictures such as it will see, to set ranges by."),
    ] = None,
) -> None:
    """Write a model as an ONNX file of its own, smaller if asked for."""
    from pipeline.commands.models_files import export_model as command  # noqa: PLC0415

    raise typer.Exit(command(name, to, fp16=fp16, int8=int8, pictures=calibrate))


Device = Annotated[str, typer.Option(help="`auto`, `cpu`, `cuda:0`.")]


@models.command("check")
def models_check(name: Model, device: Device = "auto") -> None:
    """Hold a model to its contract, and run its family's golden tests on this machine."""
    from pipeline.commands.models_try import check_model as command  # noqa: PLC0415

    raise typer.Exit(command(name, device))


@models.command("bench")
def models_bench(
    name: Model,
    device: Device = "auto",
    against: Annotated[
        str, typer.Option(help="Other engines, such as `opencv,openvino,openvino-bf16,keras`.")
    ] = "",
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each is timed.")] = 3.0,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE|DIR", help="What the engines' answers are compared on."),
    ] = None,
) -> None:
    """Time a model, alone or against other engines."""
    from pipeline.commands.models_try import bench_model as command  # noqa: PLC0415

    names = [one.strip() for one in against.split(",") if one.strip()]
    raise typer.Exit(command(name, device, names, seconds, picture))


@models.command("train")
def models_train(config: Config) -> None:
    """Train a classifier, a detector, a segmenter or a captioner on your own pictures."""
    from pipeline.commands.train import train as command  # noqa: PLC0415

    raise typer.Exit(command(config))


@new.command("stage")
def new_stage(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as `gauge`.")],
    folder: Annotated[Path, typer.Option(help="Where to; made if need be.")] = Path(),
) -> None:
    """Write a stage of your own to begin with, its test, and a config that runs it."""
    from pipeline.commands.new import new_stage as command  # noqa: PLC0415

    raise typer.Exit(command(name, folder))


Gallery = Annotated[Path, typer.Argument(metavar="GALLERY", help="A file, such as `people.faces`.")]
KeyFrom = Annotated[
    str,
    typer.Option(metavar="VARIABLE", help="The environment variable that holds the file's key."),
]


@faces.command("enrol")
def faces_enrol(  # noqa: PLR0913, PLR0917 - each is an option
    gallery: Gallery,
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURE...",
            help="Files, or a folder of them; without --name, a folder with a folder for each "
            "person.",
        ),
    ],
    name: Annotated[str, typer.Option(help="Whose face is in the pictures.")] = "",
    model: Annotated[str, typer.Option(help="The recogniser.")] = "face-recognition-128",
    detector: Annotated[str, typer.Option(help="What finds the faces.")] = "blazeface-short",
    margin: Annotated[
        float, typer.Option(min=0, max=2, help="What is shown around a face, as the config has it.")
    ] = 0.0,
    upright: Annotated[
        bool, typer.Option("--upright", help="Turn faces by their eyes, as `eyes` in a config.")
    ] = False,
    cropped: Annotated[
        bool, typer.Option("--cropped", help="The pictures show a face and nothing else.")
    ] = False,
    key_from: KeyFrom = "",
) -> None:
    """Add faces to a gallery file, which is made if need be."""
    from pipeline.commands.faces import Looking, enrol  # noqa: PLC0415

    looking = Looking(model, detector, margin, upright, cropped)
    raise typer.Exit(enrol(gallery, pictures, name, looking, key_from))


@faces.command("list")
def faces_list(gallery: Gallery, key_from: KeyFrom = "") -> None:
    """Say who is in a gallery file, and with how many faces."""
    from pipeline.commands.faces import list_people as command  # noqa: PLC0415

    raise typer.Exit(command(gallery, key_from))


@faces.command("forget")
def faces_forget(
    gallery: Gallery,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `faces list` has it.")],
    key_from: KeyFrom = "",
) -> None:
    """Take a person out of a gallery file."""
    from pipeline.commands.faces import forget as command  # noqa: PLC0415

    raise typer.Exit(command(gallery, name, key_from))


@faces.command("key")
def faces_key() -> None:
    """Print a new key for a gallery file."""
    from stages.faces.kept import new_key  # noqa: PLC0415

    typer.echo(new_key())


@app.command()
def password() -> None:
    """Ask for a password, or read one from a pipe, and print the hash that a config keeps of it."""
    from pipeline.commands.access import password as command  # noqa: PLC0415

    raise typer.Exit(command())


@app.command()
def token() -> None:
    """Print a new token, or secret, for `http.access`."""
    from pipeline.commands.access import token as command  # noqa: PLC0415

    raise typer.Exit(command())


@app.command()
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


def main() -> None:
    """Do what the arguments of the process say, and end it."""
    app()
