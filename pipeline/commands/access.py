"""`framewire password`, `token` and `link`."""

import re
import secrets
import socket
import sys
import time
from collections.abc import Sequence
from getpass import getpass
from pathlib import Path

import typer

from pipeline.access.grants import Grant, Seal, new_id
from pipeline.access.people import PASSWORD_MAX, hash_password
from pipeline.commands.read import BAD_CONFIG, read_config
from pipeline.config import HttpConfig, PipelineConfig
from pipeline.config.near import did_you_mean

FAILURE, WRONG_CALL = 1, 2
PASSWORD_MIN = 8  # signs; NIST SP 800-63B, 5.1.1.1
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LASTS_MAX = 7 * UNITS["d"]
LASTS = re.compile(r"([0-9]{1,9})([smhd])")
NAME = re.compile(r"[A-Za-z0-9_.@-]{1,64}")


class WrongCall(Exception):
    """What is wrong with an argument."""


def password() -> int:
    """Print the hash of a password, which is never an argument: others see those."""
    if sys.stdin.isatty():
        given = getpass("password: ")
        if getpass("once more: ") != given:
            return _wrong("wanted the same password twice, got two", FAILURE)
    else:
        given = sys.stdin.readline(PASSWORD_MAX + 2).rstrip("\r\n")
    if len(given) < PASSWORD_MIN or len(given.encode()) > PASSWORD_MAX:
        bounds = f"at least {PASSWORD_MIN} signs and at most {PASSWORD_MAX} bytes"
        return _wrong(f"wanted a password of {bounds}, got {len(given)} signs", FAILURE)
    typer.echo(hash_password(given))
    return 0


def token() -> int:
    """Print 256 random bits."""
    typer.echo(secrets.token_urlsafe(32))
    return 0


def link(path: Path, streams: Sequence[str], lasts: str, name: str, at: str | None) -> int:
    """Print a link. It is signed with the config's secret, and nothing has to run."""
    config = read_config(path, ready=False)
    if config is None:
        return BAD_CONFIG
    try:
        seconds = _seconds(lasts)
        _check(streams, name, config, path)
        place = at.rstrip("/") if at else address(config.http)
    except WrongCall as wrong:
        return _wrong(str(wrong))
    secret = config.http.access.secret if config.http.access else None
    if secret is None:
        return _wrong(f"{path}: wanted http.access.secret, to sign with, got none", FAILURE)
    until = time.time() + seconds
    grant = Grant("link", name, until, new_id(), tuple(dict.fromkeys(streams)))
    typer.echo(f"{place}/link/{Seal(secret.get_secret_value()).sign(grant)}")
    return 0


def _seconds(lasts: str) -> int:
    found = LASTS.fullmatch(lasts)
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if not 0 < seconds <= LASTS_MAX:
        raise WrongCall(f"--for: wanted a time such as 30m or 1h, 7d at most, got {lasts!r}")
    return seconds


def _check(streams: Sequence[str], name: str, config: PipelineConfig, path: Path) -> None:
    if not NAME.fullmatch(name):
        raise WrongCall(f"--name: wanted at most 64 letters, digits and _ . @ -, got {name!r}")
    for stream in streams:
        if stream not in config.streams:
            near = did_you_mean(stream, config.streams)
            raise WrongCall(f"--stream: wanted a stream of {path}, got {stream!r}; {near}")


def address(http: HttpConfig) -> str:
    """Where the server is reached, going by the config. Raises WrongCall if it does not say."""
    host, _, port = (http.listen or "").rpartition(":")
    if not port or int(port) == 0:
        raise WrongCall(
            f"--at: wanted where the server is reached, since it listens on {http.listen}, got none"
        )
    scheme = "http" if http.tls is None else "https"
    if host in {"0.0.0.0", "[::]"}:  # noqa: S104 - compared, not listened on
        host = next(iter(http.names), socket.gethostname())
    return f"{scheme}://{host}:{port}"


def _wrong(said: str, code: int = WRONG_CALL) -> int:
    typer.echo(said, err=True)
    return code
