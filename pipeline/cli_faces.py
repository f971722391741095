"""The words of `framewire faces`."""

from pathlib import Path
from typing import Annotated

import typer

faces = typer.Typer(help="The people that `stage: recognise` knows.", no_args_is_help=True)

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
