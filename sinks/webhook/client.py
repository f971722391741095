"""One POST at a time to one address. Apart from the sink, which imports it in a thread."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx

from sinks.errors import BadSink, SinkLost
from sinks.version import version
from stages.capture.mask import mask

READ = 64 << 10  # bytes of an answer that are read, to keep the connection for the next request
REASON = 80  # characters of a reason that are told: it goes into the log and into an event


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said.

    again_s  seconds after which it wants to be asked again, if it says so
    """

    status: int
    reason: str
    again_s: float | None


class WebhookClient:
    """Asks one address and no other: no redirects, no proxy of the environment, TLS verified.

    Keeps nothing of an answer: a cookie would come back with every request, and nobody counts them.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], timeout_s: float, ca: Path | None = None
    ) -> None:
        """Connects later. Raises BadSink if the address or the certificates cannot be read."""
        self._shown = mask(url)
        self._timeout = timeout_s
        try:
            self._url = httpx.URL(url)
            context = ssl.create_default_context(cafile=ca)
        except httpx.InvalidURL as error:
            raise BadSink(f"url {self._shown}: wanted an address, got: {error}") from None
        except (OSError, ssl.SSLError) as error:
            raise BadSink(f"ca {ca}: wanted a file of certificates, got: {error}") from error
        self._client = httpx.AsyncClient(
            headers={"User-Agent": f"framewire/{version()}", **headers},
            verify=context,
            timeout=timeout_s,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            trust_env=False,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
        )

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one request. Raises SinkLost where no answer came in time."""
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream(
                    "POST", self._url, content=body, headers=dict(headers)
                ) as response,
            ):
                await _read(response)
                again = _seconds(response.headers.get("retry-after"))
                return Answer(response.status_code, response.reason_phrase[:REASON], again)
        except TimeoutError:
            raise SinkLost(f"{self._shown}: no answer in {self._timeout:g} s") from None
        except httpx.HTTPError as error:
            said = mask(str(error)) or type(error).__name__
            raise SinkLost(f"{self._shown} is away: {said}") from None

    async def close(self) -> None:
        """Let go of the connection."""
        await self._client.aclose()


async def _read(response: httpx.Response) -> None:
    """Read an answer as it came, unless it is long; then the connection is given up instead."""
    length = 0
    async for chunk in response.aiter_raw():
        length += len(chunk)
        if length > READ:
            return


def _seconds(told: str | None) -> float | None:
    """Retry-After (RFC 9110, section 10.2.3): seconds, or a date. None if it is neither."""
    if told is None:
        return None
    if told.strip().isdecimal():
        return float(told)
    try:
        at = parsedate_to_datetime(told)
    except (ValueError, OverflowError):  # the latter of a day or an offset past all numbers
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
