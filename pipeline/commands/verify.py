"""`framewire verify`: whether recordings are what was recorded, and all of it."""

from pathlib import Path

import typer

from sinks.record.verify import Broken, Checked, verify

FAILURE, WRONG_CALL = 1, 2


def check(folder: Path, key: str | None, known: str | None) -> int:
    """Check a folder of recordings, and name the first break. Returns the exit code."""
    if not folder.is_dir():
        typer.echo(f"{folder}: wanted a folder of recordings", err=True)
        return WRONG_CALL
    try:
        found = verify(folder, key, known)
    except Broken as error:
        typer.echo(f"{folder}: broken: {error}", err=True)
        return FAILURE
    except OSError as error:
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
        return FAILURE
    _tell(folder, found)
    return 0


def _tell(folder: Path, found: Checked) -> None:
    typer.echo(
        f"{folder}: good: {found.segments} segments as they were recorded, "
        f"{found.removed} removed in order, {len(found.gaps)} gaps"
    )
    for stream, start, end, why in found.gaps:
        typer.echo(f"  gap: {stream}, {start} to {end}: {why}")
    for key, since, before, after, by in found.settings:
        typer.echo(f"  setting: {key}, {before} to {after} at {since}, by {by}")
    for name in found.late:
        typer.echo(f"  late: {name}: vouched for only after a mishap")
    if found.open:
        typer.echo("  being recorded into: the newest segments are not vouched for yet")
    typer.echo(f"  signed by: {found.key}")
    typer.echo(f"  last of {found.records} records: {found.head}")
