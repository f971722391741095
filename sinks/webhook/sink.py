"""`sink: webhook`: each result and event as a signed POST request. See `docs/ways-out.md`."""

import asyncio
import time
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from sinks.delivery import Record
from sinks.errors import SinkLost
from sinks.messages import MessageSink
from sinks.sink import SinkContext
from sinks.webhook.options import WebhookOptions
from sinks.webhook.signing import HEADER, sign
from stages.capture.backoff import Backoff
from stages.capture.mask import mask

if TYPE_CHECKING:
    from sinks.webhook.client import WebhookClient

FIRST_S = 0.5
MOST_S = 3600.0  # that a `Retry-After` is believed
AGAIN = {408, 425, 429}  # 4xx that pass; 425 is Too Early (RFC 8470)


class WebhookSink(MessageSink):
    """Posts messages in order, one request at a time.

    2xx is done. 408, 425, 429, 5xx and no answer at all are tried again, later and later, or when
    the answer says. Any other answer is a refusal: an address that redirects is one too.
    """

    Options = WebhookOptions

    def __init__(self, options: WebhookOptions, context: SinkContext) -> None:
        """Nothing is connected yet."""
        super().__init__(options, context)
        self._options = options
        self._client: WebhookClient | None = None
        self._backoff = Backoff(FIRST_S, options.retry_most_s)
        self._again = 0.0  # on the monotonic clock
        self._why = ""

    def place(self, stream: str, node: str) -> str:  # noqa: ARG002
        """All go to one address."""
        return ""

    def place_of_events(self) -> str:
        """All go to one address."""
        return ""

    def address(self) -> str:
        """The URL, without a password in it."""
        return mask(self._options.url)

    async def start(self) -> None:
        """Read the certificates; nobody is asked yet, since to ask is to deliver."""
        client = await asyncio.to_thread(import_module, "sinks.webhook.client")
        options = self._options
        ca = None if options.ca is None else self._context.folder / options.ca
        self._client = client.WebhookClient(options.url, options.headers, options.timeout_s, ca)

    async def bring(self, records: Sequence[Record]) -> None:
        """Post them, `batch` at a time."""
        if (left := self._again - time.monotonic()) > 0:
            raise SinkLost(f"{self._why}; tried again in {left:.1f} s")
        for first in range(0, len(records), self._options.batch):
            await self._post(records[first : first + self._options.batch])

    async def stop(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            await self._client.close()

    async def _post(self, records: Sequence[Record]) -> None:
        assert self._client is not None
        body = b"\n".join(record.data for record in records)
        try:
            answer = await self._client.post(body, self._headers(records, body))
        except SinkLost as error:
            self._wait(str(error), 0.0)
            raise
        said = f"{self.address()} said {answer.status} {answer.reason}"
        if answer.status in AGAIN or answer.status >= 500:
            self._wait(said, answer.again_s or 0.0)
            raise SinkLost(said)
        self._backoff.reset()
        if answer.status in range(200, 300):
            self.settle(records)
        elif answer.status in range(300, 400):
            self.refuse(
                records, f"{said}: redirects are not followed, put the address in the config"
            )
        else:
            self.refuse(records, said)

    def _headers(self, records: Sequence[Record], body: bytes) -> dict[str, str]:
        single = self._options.batch == 1
        more = len(records) - 1
        told = {
            "Content-Type": "application/json" if single else "application/x-ndjson",
            "Idempotency-Key": records[0].id if single else f"{records[0].id}+{more}",
        }
        if self._options.secret is not None:
            told[HEADER] = sign(self._options.secret, body, time.time())
        return told

    def _wait(self, why: str, least_s: float) -> None:
        self._why = why
        wait = max(self._backoff.next(), min(least_s, MOST_S))
        self._again = time.monotonic() + wait
