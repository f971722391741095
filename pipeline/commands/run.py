"""`framewire run`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline import logs
from pipeline.commands.read import BAD_CONFIG, read_config


def run(
    path: Path,
    seconds: float | None,
    report: Path | None,
    sources: Sequence[str],
    table: bool | None,
    level: str,
) -> int:
    """Read a config and run it. Returns the exit code."""
    config = read_config(path, sources=sources)
    if config is None:
        return BAD_CONFIG
    logs.configure(level, config.secrets)
    from pipeline.run import run as run_config  # noqa: PLC0415 - a bad config answers sooner

    shown = sys.stdout.isatty() if table is None else table
    return run_config(config, seconds=seconds, report_to=report, show_table=shown)
