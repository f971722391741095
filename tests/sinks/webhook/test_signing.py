"""Signatures of requests."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from sinks.webhook import BadSignature, sign, verify

SECRET = "a secret of some length"
BODY = b'{"schema":1}'
NOW = 1_750_000_000.0


def test_what_was_signed_is_known_again() -> None:
    verify(SECRET, BODY, sign(SECRET, BODY, NOW), NOW + 3)


def test_the_code_is_that_of_openssl() -> None:
    # printf '1750000000.{"schema":1}' | openssl dgst -sha256 -hmac 'a secret of some length'
    code = "fcbcb897461bea443a62c417764107abcb55715cf502b3d3a6f3222442040167"
    assert sign(SECRET, BODY, NOW) == f"t=1750000000,v1={code}"


@pytest.mark.parametrize(
    ("secret", "body", "header", "now", "told"),
    [
        ("another secret, as long", BODY, None, NOW, "a v1 that fits"),
        (SECRET, BODY + b" ", None, NOW, "a v1 that fits"),
        (SECRET, BODY, None, NOW + 301, "within 300 s of now, got one 301 s ago"),
        (SECRET, BODY, None, NOW - 301, "got one -301 s ago"),
        (SECRET, BODY, "", NOW, "wanted one t=SECONDS"),
        (SECRET, BODY, "t=x,v1=00", NOW, "wanted one t=SECONDS"),
        (SECRET, BODY, f"t={'1' * 5000},v1=00", NOW, "wanted one t=SECONDS"),
        (SECRET, BODY, "t=1750000000", NOW, "a v1 that fits"),
        (SECRET, BODY, "t=1750000000,v1=\u00e9", NOW, "a v1 that fits"),
        (SECRET, BODY, "t=1750000000,t=1,v1=00", NOW, "wanted one t=SECONDS"),
    ],
)
def test_anything_else_is_refused(
    secret: str, body: bytes, header: str | None, now: float, told: str
) -> None:
    signed = sign(SECRET, BODY, NOW) if header is None else header
    with pytest.raises(BadSignature, match=told):
        verify(secret, body, signed, now)


def test_of_two_codes_one_has_to_fit() -> None:
    old, new = sign("the secret before it", BODY, NOW), sign(SECRET, BODY, NOW)
    both = f"{old},{new.split(',')[1]}"
    verify(SECRET, BODY, both, NOW)
    verify("the secret before it", BODY, both, NOW)


def test_the_page_has_a_check_that_says_no_to_anything_else() -> None:
    page = (Path(__file__).parents[3] / "docs" / "ways-out.md").read_text("utf-8")
    (program,) = re.findall(r"```python\n(import hashlib.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)
    genuine, now = names["genuine"], time.time()
    assert genuine(SECRET, BODY, sign(SECRET, BODY, now))
    assert not genuine(SECRET, BODY, sign(SECRET, BODY, now - 400))
    assert not genuine(SECRET, BODY + b" ", sign(SECRET, BODY, now))
    for header in ("", "t", "t=1", "v1=00", "t=x,v1=00", f"t={'1' * 5000},v1=00", "t=1,v1=\u00e9"):
        assert not genuine(SECRET, BODY, header)
