"""`framewire models pull`, `import` and `export`: the files behind the names."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import copyfile

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from models import download, store
from models.errors import BadModel, ModelError
from models.files import instead_of_a_file, written_whole
from models.originals import digest, download_path
from models.sidecar import write_sidecar
from models.spec import CONTRACTS, Download, ModelSpec
from pipeline.commands.models import USAGE, known_model, said

FAILURE = 1


def pull_model(name: str) -> int:
    """Make a model ready, downloading its weights if need be, and print where it lies."""
    known = known_model(name)
    if known is None:
        return USAGE
    return _told(name, lambda: _pull(known))


def import_model(name: str, files: Sequence[Path], labels: Path | None) -> int:
    """Convert the user's own weights, and print where the ONNX file lies."""
    known = known_model(name)
    if known is None:
        return USAGE
    names = None
    if labels is not None:
        if not labels.is_file():
            got = instead_of_a_file(labels)
            typer.echo(f"{labels}: wanted a text file, a name a line, got {got}", file=sys.stderr)
            return USAGE
        try:
            names = [line.strip() for line in labels.read_text("utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            typer.echo(f"{labels}: wanted a text file, a name a line, got {error}", file=sys.stderr)
            return USAGE
        names = [line for line in names if line]
        if not names:
            typer.echo(f"{labels}: wanted a name a line, got none", file=sys.stderr)
            return USAGE
    return _told(name, lambda: store.import_model(known, files, names))


def export_model(
    name: str, target: Path | None, *, fp16: bool, int8: bool, pictures: Path | None
) -> int:
    """Write a model as a file of its own, smaller if asked for, and say what that changed."""
    if fp16 and int8:
        typer.echo("wanted --fp16 or --int8, got both", file=sys.stderr)
        return USAGE
    if int8 and pictures is None:
        typer.echo(
            "--int8: wanted --calibrate with a folder of pictures, got none", file=sys.stderr
        )
        return USAGE

    def export() -> Path:
        from models.export.half import to_fp16  # noqa: PLC0415 - they import onnx
        from models.export.quantise import to_int8  # noqa: PLC0415
        from models.session import open_session  # noqa: PLC0415 - it imports ONNX Runtime
        from pipeline.commands.pictures import compare, inputs  # noqa: PLC0415

        model = store.find(name)
        # Whoever rewrites a file takes it for whole.
        open_session(model.path, device="cpu").check_against(model.spec)
        if pictures is not None and not CONTRACTS[model.spec.task].image:
            raise BadModel(f"--calibrate: wanted a model of pictures, got one of {model.spec.task}")
        kind = "fp16" if fp16 else "int8" if int8 else ""
        path = _target(name, target, model.path, kind)
        given = None if pictures is None else inputs(pictures, model.spec)
        with written_whole(path) as part:
            if int8:
                assert given is not None
                to_int8(model.path, part, given)
            elif fp16:
                to_fp16(model.path, part)
            else:
                copyfile(model.path, part)
        write_sidecar(path, model.spec)
        if given is not None and kind:
            for line in compare(model, path, given):
                typer.echo(line)
        return path

    return _told(name, export)


def _target(name: str, asked: Path | None, source: Path, kind: str) -> Path:
    """Where an export goes: never to the file that it is made from.

    raises  BadModel if that is what was asked for, or if a file of that name would not be opened
    """
    stem = Path(name).stem
    target = asked or Path(f"{stem}-{kind}.onnx" if kind else f"{stem}.onnx")
    if asked is None and _same(target, source):
        target = Path(f"{stem}-copy.onnx")
    if target.is_dir():
        raise BadModel(f"--to: wanted a file, got a directory: {target}")
    if target.suffix != ".onnx":
        raise BadModel(f"--to: wanted a name that ends in .onnx, got {target}")
    if _same(target, source):
        raise BadModel(f"--to: wanted another file than the model's own, got {target}")
    return target


def _same(one: Path, other: Path) -> bool:
    return one.exists() and one.samefile(other)


def _pull(known: ModelSpec) -> Path:
    if isinstance(known.origin, Download) and store.imported(known.name) is None:
        target = download_path(known.origin)
        if not target.is_file():
            _download(known.origin, target)
    return store.ensure(known)


def _download(origin: Download, target: Path) -> None:
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(target.name, total=None)

        def tell(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of or None)

        download.fetch(origin, target, tell)
    if not origin.sha256:
        typer.echo(f"{target.name}: nobody has published its checksum; sha256 {digest(target)}",
                   file=sys.stderr)  # fmt: skip


def _told(name: str, work: Callable[[], Path]) -> int:
    """Print where the file lies, or why there is none."""
    try:
        typer.echo(work())
    except (ModelError, OSError) as error:
        typer.echo(said(name, error), file=sys.stderr)
        return FAILURE
    return 0
