"""`framewire watch`: results and events out of Redis, a line of JSON each."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypedDict

import typer

from sinks.errors import SinkError
from sinks.redis import Gap, Watch
from sinks.redis import watch as watching
from sinks.redis.heard import Over, Since
from sinks.wire import encode
from stages.capture.mask import mask

FAILURE, WRONG = 1, 2
UNITS: Mapping[str, str] = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Asked(TypedDict):
    """What is watched."""

    stream: str | None
    node: str | None
    events: bool
    prefix: str


def watch(
    url: str, asked: Asked, since: str | None, *, follow: bool, live: bool, cluster: bool,
    ca: Path | None,
) -> int:  # fmt: skip
    """Print messages until there are no more, or until Ctrl-C."""
    over: Over = "channel" if live else "stream"
    try:
        found = watching(
            url, **asked, follow=follow or live, since=moment(since), over=over,
            cluster=cluster, ca=ca, on_gap=_tell,
        )  # fmt: skip
    except ValueError as error:
        typer.echo(f"watch: {error}", err=True)
        return WRONG
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(_print(found))
    except BrokenPipeError:
        return 0  # who read the lines has had enough
    except SinkError as error:
        typer.echo(f"watch: {mask(str(error))}", err=True)
        return FAILURE
    if found.unreadable:
        typer.echo(f"watch: {found.unreadable} messages could not be read", err=True)
    return 0


def moment(text: str | None) -> Since:
    """The place that `--since` names: an id of Redis, a moment, or how long ago (`90s`, `10m`).

    raises  ValueError if it is none of them
    """
    if text is None or re.fullmatch(r"\d+(-\d+)?", text):
        return text
    try:
        if ago := re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text):
            return timedelta(**{UNITS[ago[2]]: float(ago[1])})
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(
            f"--since {text}: wanted an id such as 1718000000000-0, a moment such as "
            "2025-06-01T12:00:00Z, or how long ago, such as 90s, 10m, 2h or 1d"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _print(found: Watch) -> None:
    async with found:
        async for message in found:
            typer.echo(encode(message))


def _tell(gap: Gap) -> None:
    names = " ".join(gap.subject)
    typer.echo(f"watch: {names}: missed {gap.first} to {gap.last} of run {gap.run}", err=True)
