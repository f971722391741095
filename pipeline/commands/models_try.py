"""`framewire models check` and `bench`: whether a model does what it should, and how fast."""

import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Column, Table

from models import store
from models.comparison import WANT_PHOTOS, alike, largest_difference
from models.engines import ENGINES, WARM_UP, timed
from models.errors import ModelError
from models.executor import Session
from models.feeds import feeds
from models.session import cores, open_session
from models.spec import ModelSpec
from pipeline.commands.models import USAGE, known_model, ready, said

FAILURE = 1
ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "models"
PHOTOS = 20  # of a folder, to compare engines by
CANNOT_SHOWN = 80  # characters of why an engine does not run a file

Image = NDArray[np.uint8]


def check_model(name: str, device: str) -> int:
    """Hold a model to its contract on a device, and run its family's golden tests here."""
    known = known_model(name)
    if known is None:
        return USAGE
    try:
        if ready(known):
            _hold_to_contract(known, device)
        else:
            typer.echo(f"{name}: not ready, so only its family is checked")
    except ModelError as error:
        typer.echo(said(name, error), err=True)
        return FAILURE
    files = sorted(TESTS.glob(f"test_{known.family}*.py"))
    if not files or find_spec("pytest") is None:
        typer.echo(
            f"{name}: its golden tests are in a checkout of framewire, and want what `make test` "
            "installs",
            err=True,
        )
        return FAILURE
    called = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", *map(str, files)]
    done = subprocess.run(called, cwd=ROOT, check=False)  # noqa: S603 - our own interpreter and tests
    return FAILURE if done.returncode else 0


def bench_model(
    name: str, device: str, against: Sequence[str], seconds: float, where: Path | None
) -> int:
    """Time a model on a device, or on the CPU against other engines, each in its own process.

    where  a picture or a folder of some, to compare what the engines say about
    """
    unknown = [other for other in against if other not in ENGINES]
    if unknown:
        typer.echo(f"--against: wanted {', '.join(ENGINES)}, got {', '.join(unknown)}", err=True)
        return USAGE
    try:
        model = store.find(name)
        session = open_session(model.path, device=device)
    except ModelError as error:
        typer.echo(said(name, error), err=True)
        return FAILURE
    if session.device != "cpu":
        typer.echo(f"{name} on {session.device}: {_ms(session, model.spec, seconds):.2f} ms a run")
        return 0
    try:
        photos = _photos(model.spec, where) if against else ()
    except ModelError as error:
        typer.echo(said(name, error), err=True)
        return FAILURE
    return _print_engines(model.spec, name, against, seconds, photos)


def _photos(spec: ModelSpec, where: Path | None) -> Sequence[Image]:
    from pipeline.commands.pictures import clip, inputs  # noqa: PLC0415 - it imports PyAV

    if where is not None:
        return inputs(where, spec, PHOTOS)
    return clip(spec) if spec.task in WANT_PHOTOS else ()


def _hold_to_contract(known: ModelSpec, device: str) -> None:
    model = store.find(known.name)
    session = open_session(model.path, device=device)
    session.check_against(model.spec)
    session.run(feeds(model.spec, session.inputs))
    typer.echo(f"{known.name}: keeps the contract of {model.spec.task} on {session.device}")


def _ms(session: Session, spec: ModelSpec, seconds: float) -> float:
    given = feeds(spec, session.inputs)
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) <= WARM_UP or time.perf_counter() < until:
        began = time.perf_counter()
        session.run(given)
        times.append(1000 * (time.perf_counter() - began))
    return median(times[WARM_UP:])


def _print_engines(
    spec: ModelSpec, name: str, against: Sequence[str], seconds: float, photos: Sequence[Image]
) -> int:
    compared = f"agreement, {len(photos)} pictures" if photos else "largest difference"
    whole = [Column(title, no_wrap=True) for title in ("engine", "ms a run", "ratio")]
    table = Table(*whole, compared, box=None)
    with TemporaryDirectory() as folder:
        ours, kept = Path(folder) / "ours.npz", None
        if photos:
            kept = Path(folder) / "photos.npy"
            np.save(kept, np.concatenate(photos))
        first = timed(name, "onnxruntime", cores(), seconds, ours, kept)
        if first.cannot:
            typer.echo(f"{name}: {first.cannot}", err=True)
            return FAILURE
        table.add_row("onnxruntime", f"{first.ms:.2f}", "1.00", "")
        for engine in against:
            theirs = Path(folder) / "theirs.npz"
            told = timed(name, engine, cores(), seconds, theirs, kept)
            if told.cannot:
                table.add_row(engine, "", "", told.cannot[:CANNOT_SHOWN])
                continue
            ratio = f"{told.ms / first.ms:.2f}"
            said_of = alike(spec.task, ours, theirs) if photos else largest_difference(ours, theirs)
            table.add_row(engine, f"{told.ms:.2f}", ratio, said_of)
    Console(soft_wrap=True).print(table)
    if against and not photos and spec.task in WANT_PHOTOS:
        typer.echo("no picture: difference of raw outputs (--picture FILE or DIR)")
    return 0
