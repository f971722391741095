"""The keys of `sink: webhook`."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from sinks.messages import MessageOptions
from sinks.webhook.signing import HEADER

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
TEXT = re.compile(r"[\x20-\x7e]*")
OURS = {HEADER.lower(), "idempotency-key", "content-type", "content-length", "host",
        "transfer-encoding", "connection"}  # fmt: skip


class WebhookOptions(MessageOptions):
    """The keys of `sink: webhook`."""

    url: str = Field(
        repr=False,
        description="Where requests go, `https://` or `http://`. Nothing else is ever asked: "
        "redirects are not followed.",
    )
    secret: str | None = Field(
        None,
        min_length=16,
        repr=False,
        description="Signs each request in the header `Framewire-Signature`; keep it in the "
        "environment and write `${NAME}` here. If left out, requests are not signed.",
    )
    headers: dict[str, str] = Field(
        {},
        repr=False,
        description="Further headers, such as `Authorization: Bearer ${TOKEN}`.",
    )
    batch: int = Field(
        1,
        ge=1,
        le=500,
        description="Messages in a request. 1: each is a request of its own, whose body it is; "
        "more: a request has as many as have arrived, up to that, a line each "
        "(`application/x-ndjson`).",
    )
    timeout_s: float = Field(
        10.0, gt=0, le=120, description="Seconds that a request may take, its answer included."
    )
    retry_most_s: float = Field(
        30.0,
        ge=0.5,
        le=3600,
        description="Seconds at most between two tries; they double up to it, from 0.5. Where an "
        "answer says `Retry-After`, it is waited for, up to an hour.",
    )
    ca: Path | None = Field(
        None,
        description="A file of certificates that the server's must be signed by, instead of the "
        "system's.",
    )

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
            raise ValueError("wanted https://HOST/PATH or http://HOST/PATH")
        return url

    @field_validator("headers")
    @classmethod
    def _sendable(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not TOKEN.fullmatch(name) or not TEXT.fullmatch(value):
                raise ValueError(f"wanted a header of printable ASCII, got {name!r}")
            if name.lower() in OURS:
                raise ValueError(f"wanted a header that is not set by framewire, got {name}")
        return headers
