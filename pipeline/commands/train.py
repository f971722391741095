"""`framewire models train`: from a training config to a model, its sidecar and its scores."""

import json
import sys
from pathlib import Path

import typer
from pydantic import ValidationError

from models.errors import ModelError
from models.training.config import TASKS, Training
from pipeline.commands.read import BAD_CONFIG, tell
from pipeline.config.document import BYTES_MAX, NotYaml, compose
from pipeline.config.environment import Environment, process_environment
from pipeline.config.errors import ConfigError
from pipeline.config.options import plain
from pipeline.config.report import Report

FAILURE, STOPPED = 1, 130


def train(path: Path) -> int:
    """Train, and print the scores on `dev`. A second run goes on where the first was cut short."""
    try:
        config = load_training(path)
    except ConfigError as error:
        tell(error)
        return BAD_CONFIG
    try:
        # TensorFlow takes seconds to import, and a bad config should not wait for it.
        from models.training.run import train as run  # noqa: PLC0415
    except ModuleNotFoundError as error:
        typer.echo(f"training needs the package {error.name!r}: install framewire[zoo]", err=True)
        return FAILURE
    try:
        outcome = run(config)
    except ModelError as error:
        typer.echo(f"{path}: {error}", err=True)
        return FAILURE
    except KeyboardInterrupt:
        typer.echo(f"stopped; the same command goes on from {config.out}", file=sys.stderr)
        return STOPPED
    told = outcome.report()
    told.pop("history")
    typer.echo(json.dumps(told, indent=1))
    typer.echo(outcome.model)
    return 0


def load_training(path: Path) -> Training:
    """Read a training config. Relative paths in it start in its folder.

    raises  ConfigError with everything that is wrong: line, key, what was wanted and got
    """
    report = Report(path)
    try:
        with path.open("rb") as file:
            root, faults = compose(file.read(BYTES_MAX + 1))
    except OSError as error:
        report.at(None, f"wanted a file that can be read, got: {error.strerror or error}")
        report.raise_if_any()
        raise
    except NotYaml as error:
        report.at(error.fault.mark, error.fault.text)
        report.raise_if_any()
        raise
    for fault in faults:
        report.at(fault.mark, fault.text)
    report.root = Environment(process_environment(), report.at).fill(root)
    data = plain(report.root)
    task = data.get("task") if isinstance(data, dict) else None
    known = ", ".join(TASKS)
    if not isinstance(data, dict):
        report.key((), f"wanted a mapping with task, name, out, .., got {report.show(data)}")
    elif "task" not in data:
        report.key((), f"wanted the key 'task' ({known}), got none")
    elif not isinstance(task, str) or task not in TASKS:
        report.key(("task",), f"wanted one of {known}, got {report.show(task)}", value=True)
    else:
        try:
            config = TASKS[task].model_validate(data)
        except ValidationError as error:
            report.invalid((), error, TASKS[task])
        else:
            report.raise_if_any()
            return config.under(path.parent)
    report.raise_if_any()
    raise AssertionError("a training config that is wrong, and no mistake in it")
