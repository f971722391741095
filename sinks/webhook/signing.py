"""Signatures of requests: HMAC-SHA256 over the moment and the body, as Stripe writes them.

`Framewire-Signature: t=1718000000,v1=5257a8...`: `t` in seconds since 1970, `v1` over
`{t}.{body}`. The moment is signed too, so that who overhears a request cannot send it again later.
"""

import hashlib
import hmac
import re
from typing import Final

from sinks.errors import SinkError

HEADER: Final = "Framewire-Signature"
TOLERANCE_S: Final = 300.0  # as Stripe's libraries have it
SECONDS: Final = re.compile(r"[0-9]{1,12}")


class BadSignature(SinkError):
    """A request that was not signed with this secret, or not lately."""


def sign(secret: str, body: bytes, at: float) -> str:
    """The header's value for `body`, sent `at` seconds since 1970."""
    return f"t={int(at)},v1={_code(secret, int(at), body)}"


def verify(
    secret: str, body: bytes, header: str, now: float, tolerance_s: float = TOLERANCE_S
) -> None:
    """See whether a request came from who has the secret, and lately.

    body    as it came, before it is parsed
    header  the value of HEADER; of several `v1`, one has to fit
    now     seconds since 1970
    raises  BadSignature if it did not
    """
    parts = [part.strip().partition("=") for part in header.split(",")]
    moments = [value for name, _, value in parts if name == "t"]
    if len(moments) != 1 or not SECONDS.fullmatch(moments[0]):
        raise BadSignature(f"{HEADER}: wanted one t=SECONDS in it, got {header[:80]!r}")
    at = int(moments[0])
    if abs(now - at) > tolerance_s:
        raise BadSignature(
            f"{HEADER}: wanted a moment within {tolerance_s:.0f} s of now, got one "
            f"{now - at:.0f} s ago"
        )
    code = _code(secret, at, body).encode()
    if not any(
        hmac.compare_digest(code, value.encode()) for name, _, value in parts if name == "v1"
    ):
        raise BadSignature(f"{HEADER}: wanted a v1 that fits secret and body, got none")


def _code(secret: str, at: int, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
