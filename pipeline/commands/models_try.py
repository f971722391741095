"""`framewire models check` and `bench`: whether a model does what it should, and how fast."""

import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import typer
from rich.console import Console
from rich.table import Table

from models import store
from models.engines import ENGINES, WARM_UP, feeds, largest_difference, timed
from models.errors import ModelError
from models.executor import Session
from models.session import cores, open_session
from models.spec import ModelSpec
from pipeline.commands.models import USAGE, known_model, ready, said

FAILURE = 1
ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "models"
CANNOT_SHOWN = 80  # characters of why an engine does not run a file


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
    return FAILURE if subprocess.run(called, cwd=ROOT, check=False).returncode else 0  # noqa: S603


def bench_model(name: str, device: str, against: Sequence[str], seconds: float) -> int:
    """Time a model on a device, or on the CPU against other engines, each in its own process."""
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
    return _print_engines(name, against, seconds)


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


def _print_engines(name: str, against: Sequence[str], seconds: float) -> int:
    table = Table("engine", "ms a run", "ratio", "largest difference", box=None)
    with TemporaryDirectory() as folder:
        ours = Path(folder) / "ours.npz"
        first = timed(name, "onnxruntime", cores(), seconds, ours)
        if first.cannot:
            typer.echo(f"{name}: {first.cannot}", err=True)
            return FAILURE
        table.add_row("onnxruntime", f"{first.ms:.2f}", "1.00", "")
        for engine in against:
            theirs = Path(folder) / "theirs.npz"
            told = timed(name, engine, cores(), seconds, theirs)
            if told.cannot:
                table.add_row(engine, "", "", told.cannot[:CANNOT_SHOWN])
                continue
            ratio = f"{told.ms / first.ms:.2f}"
            table.add_row(engine, f"{told.ms:.2f}", ratio, largest_difference(ours, theirs))
    Console(soft_wrap=True).print(table)
    return 0
