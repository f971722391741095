"""`framewire replay`."""

from pathlib import Path

import typer

from pipeline import logs
from pipeline.commands.read import BAD_CONFIG, read_config


def replay(recording: Path, path: Path, report: Path | None, level: str) -> int:
    """Run a config over a recording in place of its stream. Returns the exit code."""
    if not recording.exists():
        typer.echo(f"{recording}: wanted a recording, got nothing there", err=True)
        return BAD_CONFIG
    config = read_config(path, sources=[f"recording://{recording.absolute()}"])
    if config is None:
        return BAD_CONFIG
    if len(config.streams) > 1:
        names = ", ".join(config.streams)
        typer.echo(f"{path}: wanted a config with one stream, got {names}", err=True)
        return BAD_CONFIG
    logs.configure(level, config.secrets)
    from pipeline.run import run as run_config  # noqa: PLC0415 - a bad config answers sooner

    return run_config(config, report_to=report)
