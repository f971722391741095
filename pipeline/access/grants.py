"""What lets somebody in for a while: a session after a login, a link that was sent.

A grant is text, `DATA.SIGNATURE`, both in base64url: who has it is let in until it ends. Its data
can be read by anybody; the signature, HMAC-SHA-256 (RFC 2104), can be made only with the secret.
"""

import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from typing import Literal

import msgspec

LENGTH_MAX = 4096  # of the text: what a cookie holds, RFC 6265, 6.1
PURPOSE = b"framewire grant 1"


class BadGrant(Exception):
    """A grant that lets nobody in: not signed by us, changed, or over."""


class Grant(msgspec.Struct, frozen=True, omit_defaults=True):
    """One session or one link.

    name     whose it is, for the audit log
    until    UTC, in seconds since 1970
    id       random; it tells one grant of a name from another
    streams  of a link: those that may be watched
    entry    of a session: a mark of the user's password and token, so that it ends with them
    """

    kind: Literal["session", "link"]
    name: str
    until: float
    id: str
    streams: tuple[str, ...] = ()
    entry: str = ""


def new_id() -> str:
    """Sixteen signs that nobody guesses."""
    return secrets.token_urlsafe(12)


class Seal:
    """Signs grants, and tells those that it has signed from all others."""

    def __init__(self, secret: str | bytes, clock: Callable[[], float] = time.time) -> None:
        """Sign with a key made of `secret`. `clock` gives UTC, in seconds since 1970."""
        data = secret.encode() if isinstance(secret, str) else secret
        self._key = hmac.digest(data, PURPOSE, hashlib.sha256)
        self._clock = clock

    def sign(self, grant: Grant) -> str:
        """The grant as text, for a cookie or an address."""
        data = _base64(msgspec.json.encode(grant))
        return f"{data}.{self._signature(data)}"

    def read(self, text: str) -> Grant:
        """The grant that a text holds. Raises BadGrant, which says why not."""
        data, dot, signature = text.partition(".")
        if not dot or len(text) > LENGTH_MAX or not text.isascii():
            raise BadGrant("not a grant")
        if not hmac.compare_digest(signature, self._signature(data)):
            raise BadGrant("not signed here, or changed since")
        try:
            raw = urlsafe_b64decode(data + "=" * (-len(data) % 4))
            grant = msgspec.json.decode(raw, type=Grant)
        except (NotBase64, ValueError, msgspec.MsgspecError):
            raise BadGrant("signed here, but by another version") from None
        if grant.until <= self._clock():
            raise BadGrant("over")
        return grant

    def mark(self, text: str) -> str:
        """Sixteen signs that stand for a text and tell nothing of it."""
        return _base64(hmac.digest(self._key, b"mark " + text.encode(), hashlib.sha256))[:16]

    def _signature(self, data: str) -> str:
        return _base64(hmac.digest(self._key, data.encode(), hashlib.sha256))


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
