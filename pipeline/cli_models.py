"""The words of `framewire models`."""

from pathlib import Path
from typing import Annotated

import typer

models = typer.Typer(help="The models that framewire knows by name.", no_args_is_help=True)

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file.", show_default=False)]
Model = Annotated[str, typer.Argument(metavar="NAME", help="See `framewire models list`.")]
Device = Annotated[str, typer.Option(help="`auto`, `cpu`, `cuda:0`.")]


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
