"""The links of an evidence file: each signed, and each naming the one before by its digest.

A link is a line of JSON with sorted keys. `sig` is the Ed25519 signature (RFC 8032) of the line as
it would be without `sig`; `prev` is the sha256 of the line before, without its end. So nothing can
be changed, taken out, put in or put elsewhere without it being seen.
"""

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

FIRST = "0" * 64
"""What stands for the link before the first."""

Link = Mapping[str, object]


class BadLink(Exception):
    """A line that is not the next link of the chain; the message says why."""


def sha256(data: bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def signed(link: Link, key: "Ed25519PrivateKey") -> bytes:
    """The line of a link, without its end."""
    signature = base64.b64encode(key.sign(_bytes(link))).decode()
    return _bytes({**link, "sig": signature})


def check(line: bytes, number: int, prev: str, key: "Ed25519PublicKey") -> Link:
    """A line's link, without its signature.

    number, prev  those that it must have
    raises        BadLink
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - takes 0.1 s

    link = parse(line)
    signature = link.pop("sig", None)
    if link.get("n") != number:
        raise BadLink(f"wanted record {number}, got {link.get('n')}: one is missing or moved")
    if link.get("prev") != prev:
        raise BadLink("it does not follow from the record before it")
    try:
        key.verify(base64.b64decode(str(signature), validate=True), _bytes(link))
    except (InvalidSignature, ValueError):
        raise BadLink("its signature is not good: it was changed, or signed by another") from None
    return link


def parse(line: bytes) -> dict[str, object]:
    """A line's link as it stands there. Raises BadLink if it is none."""
    try:
        link = json.loads(line)
    except ValueError:
        link = None
    if not isinstance(link, dict):
        raise BadLink(f"wanted a record, got {line[:40]!r}")
    return link


def own_key(path: Path) -> "Ed25519PrivateKey":
    """The key that signs, from its file; made at the first use, for its owner's eyes only.

    raises  OSError; ValueError if the file holds no such key
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    if not path.exists():
        made = Ed25519PrivateKey.generate()
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as opened:
            opened.write(pem)
            os.fsync(opened.fileno())
        return made
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        got = type(key).__name__
        raise ValueError(f"{path}: wanted an Ed25519 key, got {got}")  # noqa: TRY004 - of a file
    return key


def public_text(key: "Ed25519PrivateKey") -> str:
    """The key that tells whether a signature is good, as text: 32 bytes in base64."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def public_key(text: str) -> "Ed25519PublicKey":
    """The key of such a text. Raises ValueError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PublicKey,
    )

    return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))


def _bytes(link: Link) -> bytes:
    return json.dumps(link, sort_keys=True, separators=(",", ":")).encode()
