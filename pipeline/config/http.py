"""The keys of `http`: where the server listens, who may look, and what it bears.

What can be reached from other machines wants names for those who look, and TLS.
"""

import re
from collections.abc import Collection, Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    model_validator,
)

from pipeline.config.near import did_you_mean
from pipeline.config.outline import Problem
from pipeline.config.part import Names, Part

TOKEN_MIN, SECRET_MIN = 20, 32  # signs; `framewire token` prints 43, of 256 bits
SELF_SIGNED, FOLDER = "self-signed", "framewire-tls"
ORIGIN = re.compile(r"https?://(\[[0-9a-f:]+\]|[a-z0-9_.-]+)(:[0-9]{1,5})?")


def _text(value: object) -> object:
    """Text, told without showing it if it is none: it may be a password all the same."""
    if not isinstance(value, str):
        raise ValueError("wanted text, in quotes if it is made of digits")  # noqa: TRY004
    return value


def _hash(value: SecretStr) -> SecretStr:
    from argon2 import extract_parameters  # noqa: PLC0415 - few configs have one
    from argon2.exceptions import InvalidHashError  # noqa: PLC0415

    try:
        extract_parameters(value.get_secret_value())
    except InvalidHashError:
        raise ValueError(
            "wanted a hash as `framewire password` prints it, $argon2id$..., got something else"
        ) from None
    return value


def _token(value: SecretStr) -> SecretStr:
    return _long(value, TOKEN_MIN)


def _secret(value: SecretStr) -> SecretStr:
    return _long(value, SECRET_MIN)


def _long(value: SecretStr, least: int) -> SecretStr:
    text = value.get_secret_value()
    if len(text) < least and "${" not in text:  # that the variable is missing has been told
        raise ValueError(
            f"wanted at least {least} signs, such as `framewire token` prints, got {len(text)}"
        )
    return value


def _short(value: object) -> object:
    return {SELF_SIGNED: FOLDER} if value == SELF_SIGNED else value


SecretText = Annotated[SecretStr, BeforeValidator(_text, json_schema_input_type=str)]


class UserConfig(Part):
    """Somebody who may look, or a program that does."""

    password: Annotated[SecretText, AfterValidator(_hash)] | None = Field(
        default=None,
        description="The hash of the password, as `framewire password` prints it.",
    )
    token: Annotated[SecretText, AfterValidator(_token)] | None = Field(
        default=None,
        description="For programs: `Authorization: Bearer TOKEN`. `framewire token` makes one; "
        "keep it in the environment and write `${NAME}` here.",
    )
    role: Literal["viewer", "admin"] = Field(
        default="viewer", description="A `viewer` looks; an `admin` also publishes and changes."
    )
    streams: Names | None = Field(
        default=None, min_length=1, description="The streams that may be watched. All, if left out."
    )

    @model_validator(mode="after")
    def _can_come_in(self) -> "UserConfig":
        if self.password is None and self.token is None:
            raise ValueError("wanted `password`, `token` or both, got neither")
        return self


UserName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@-]{1,64}$")]


class AccessConfig(Part):
    """Who may look. Left out, everybody who reaches the server is an admin."""

    users: dict[UserName, UserConfig] = Field(
        min_length=1, max_length=1000, description="Those who may look, by name."
    )
    secret: Annotated[SecretText, AfterValidator(_secret)] | None = Field(
        default=None,
        description="Signs sessions and links; keep it in the environment. If left out, a new one "
        "at each start: who has logged in has to do so again, and there are no links.",
    )
    session_h: float = Field(
        default=12, gt=0, le=24 * 366, description="Hours until one has to log in again."
    )


class TlsConfig(Part):
    """A certificate: one's own, or one that is made when there is none yet."""

    certificate: Path | None = Field(
        default=None, description="A PEM file with the certificate and those that vouch for it."
    )
    key: Path | None = Field(default=None, description="A PEM file with its private key.")
    folder: Path | None = Field(
        default=None,
        validation_alias=SELF_SIGNED,
        description="A folder for a certificate that the server makes and signs itself. Browsers "
        "warn of it once; the log has its fingerprint. `tls: self-signed` alone is short for the "
        "folder `framewire-tls`.",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "TlsConfig":
        files = self.certificate is not None, self.key is not None
        if files not in {(True, True), (False, False)}:
            raise ValueError("wanted `certificate` and `key` together, got one of them")
        if all(files) == (self.folder is not None):
            raise ValueError("wanted either `certificate` and `key`, or `self-signed`")
        return self


Tls = Annotated[
    TlsConfig,
    BeforeValidator(_short, json_schema_input_type=Literal["self-signed"] | TlsConfig),
]


class LimitsConfig(Part):
    """What the server bears from one address, and of one request."""

    requests_per_s: float = Field(
        default=100, gt=0, description="Of one address, on average over ten seconds; then 429."
    )
    logins_per_minute: float = Field(
        default=10, gt=0, description="Wrong passwords and tokens of one address; then 429."
    )
    connections: int = Field(
        default=512,
        ge=1,
        description="At a time, and no more than a third of the file descriptors that the process "
        "may have; one more is closed at once.",
    )
    body_kib: int = Field(
        default=256, ge=1, le=1 << 20, description="The largest body of a request; then 413."
    )
    body_s: float = Field(
        default=10, gt=0, description="Seconds until a request has come in whole; then 408."
    )


class HttpConfig(Part):
    """The pipeline's own small server: pages, metrics."""

    listen: str | None = Field(
        default="127.0.0.1:0",
        pattern=r"^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}$",
        description="Address and port to listen on, port 0 for any free one; `null` for no server. "
        "An address that other machines reach wants `tls` and `access`.",
    )
    tls: Tls | None = Field(default=None, description="HTTPS: `self-signed`, or a certificate.")
    access: AccessConfig | None = Field(
        default=None,
        description="Who may look. If left out, everybody who reaches the server may do all.",
    )
    insecure: bool = Field(
        default=False,
        description="Other machines may reach it without TLS or without a name. Only for a network "
        "in which everybody may see everything, passwords included.",
    )
    names: Names = Field(
        default=(),
        description="Host names under which it is called, such as `cameras.example.org`. It always "
        "answers to IP addresses, to localhost and to this machine's name.",
    )
    origins: Names = Field(
        default=(),
        description="Other sites whose pages may read and call it (CORS), such as "
        "`https://dashboard.example.org`.",
    )
    proxies: Names = Field(
        default=(),
        description="Addresses of reverse proxies before it, whose `X-Forwarded-For` and `-Proto` "
        "it believes. It then wants `access`, wherever it listens.",
    )
    audit: Path | None = Field(
        default=None,
        description="A JSONL file that gets a line whenever somebody logs in, is refused, or "
        "begins or ends to watch a stream.",
    )
    limits: LimitsConfig = Field(
        default=LimitsConfig(), description="What it bears from one address, and of one request."
    )

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it, going by what is written; no name is looked up."""
        host = (self.listen or "").rpartition(":")[0].strip("[]")
        return self.listen is None or is_loopback(host)


def is_loopback(host: str) -> bool:
    """Whether an address, or the name localhost, is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def http_problems(http: HttpConfig, streams: Collection[str]) -> Iterator[Problem]:
    """What does not fit: an open door, rights to streams that there are not."""
    if not http.insecure:
        yield from _open(http)
    for name, user in (http.access.users if http.access else {}).items():
        for at, stream in enumerate(user.streams or ()):
            if stream not in streams:
                yield Problem(
                    ("http", "access", "users", name, "streams", at),
                    f"wanted a stream, got {stream!r}; {did_you_mean(stream, streams)}",
                )
    for at, proxy in enumerate(http.proxies):
        if not _is_network(proxy):
            yield Problem(
                ("http", "proxies", at), f"wanted an address, such as 10.0.0.2, got {proxy!r}"
            )
    for at, origin in enumerate(http.origins):
        if not ORIGIN.fullmatch(origin):
            yield Problem(
                ("http", "origins", at),
                f"wanted a site, such as https://dashboard.example.org, got {origin!r}",
            )


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _open(http: HttpConfig) -> Iterator[Problem]:
    lacking = []
    if not http.loopback and http.tls is None:
        lacking.append("`tls` (such as `tls: self-signed`)")
    if (not http.loopback or http.proxies) and http.access is None:
        lacking.append("`access` with `users`")
    if not lacking:
        return
    why = f"{http.listen} can be reached from other machines"
    if http.loopback:
        why = "others reach it through `proxies`"
    yield Problem(
        ("http", "proxies" if http.loopback else "listen"),
        f"wanted {' and '.join(lacking)}, because {why}, got none; "
        f"{'or' if http.loopback else 'listen on 127.0.0.1, or'} say `insecure: true`",
    )
