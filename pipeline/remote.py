"""The report of an instance that runs elsewhere, over HTTP."""

import ssl
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

import msgspec

from pipeline.report import Report

PATIENCE = 3.0  # seconds for an answer
MOST = 16 << 20  # bytes of an answer: some thousand nodes and streams


class Away(Exception):
    """There is no report; says why."""


class BadAddress(ValueError):
    """No address of an instance."""


class _NoRedirects(HTTPRedirectHandler):
    """A token is for the one that was named, and for nobody to whom that one may point."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:  # noqa: ARG002
        return None


def asking(address: str, token: str | None, trust: Path | None) -> Callable[[], Report]:
    """A function that fetches the report each time it is called, and raises Away.

    address  such as `http://127.0.0.1:8080`
    token    as `http.access` in the config of that instance has it; None for none
    trust    a PEM file with the certificate to trust, beside those of the system
    raises   BadAddress; OSError if `trust` cannot be read
    """
    told = urlsplit(address)
    if told.scheme not in {"http", "https"} or not told.hostname:
        raise BadAddress(f"wanted an address such as http://127.0.0.1:8080, got {address!r}")
    context = ssl.create_default_context()
    if trust is not None:
        context.load_verify_locations(trust)
    opener = build_opener(_NoRedirects, HTTPSHandler(context=context))
    request = Request(f"{address.rstrip('/')}/api/status")  # noqa: S310 - http and https, see above
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")

    def ask() -> Report:
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return _read(answer)
        except HTTPError as error:
            with error:
                raise Away(_why(error.code, told=bool(token))) from None
        except URLError as error:
            raise Away(f"{error.reason}") from None
        except (OSError, HTTPException) as error:
            raise Away(f"{type(error).__name__}: {error}") from None

    return ask


def _read(answer: IO[bytes]) -> Report:
    body = answer.read(MOST + 1)
    if len(body) > MOST:
        raise Away(f"wanted a report of at most {MOST >> 20} MiB, got more")
    try:
        return msgspec.json.decode(body, type=Report)
    except msgspec.MsgspecError as error:
        raise Away(f"wanted a report of framewire, got something else: {error}") from None


def _why(code: int, *, told: bool) -> str:
    if code in {401, 403}:
        return f"wanted {'another' if told else 'a'} token in FRAMEWIRE_TOKEN: {code}"
    return f"wanted a report, got status {code}"
