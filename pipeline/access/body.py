"""The body of a request: in time, and no larger than is borne, whichever route reads it.

A route reads it as ever; what is too much comes to it as an HTTPException. What a route has not
read is thrown away before the answer goes out: who is still sending would find a reset connection
in place of the answer.
"""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

LINGER = 64 << 20  # bytes that are thrown away at most
CLOSE = {"Connection": "close"}


class Body:
    """A `receive` that counts.

    whole  all of it has come
    """

    def __init__(self, headers: Headers, receive: Receive, bytes_max: int, seconds: float) -> None:
        """From now on it has `seconds` to come in. Nothing is read yet."""
        announced = headers.get("content-length", "0")
        # RFC 9112, 6: without either header there is none.
        self.whole = announced == "0" and "transfer-encoding" not in headers
        self._waits = "expect" in headers  # for our word, RFC 9110, 10.1.1
        self._announced = int(announced) if announced.isdecimal() else 0
        self._receive = receive
        self._bytes_max = bytes_max
        self._seconds = seconds
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._length = 0

    async def __call__(self) -> Message:
        """The next part of it, then what comes after it.

        raises  HTTPException 413 if there is more than is borne, 408 if it is not here in time
        """
        if self.whole:
            return await self._receive()
        if self._announced <= self._bytes_max:
            message = await self._next()
            if self._length <= self._bytes_max:
                return message
        await self.drain()
        raise HTTPException(413, f"body: wanted at most {self._bytes_max} bytes", CLOSE)

    async def drain(self) -> None:
        """Throw away what is left, as far as it comes in time and is not all too much."""
        if self._waits and not self._length:
            return
        try:
            while not self.whole and self._length <= LINGER:
                await self._next()
        except HTTPException:
            return

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(
                408, f"body: wanted all of it within {self._seconds:g} seconds", CLOSE
            ) from None
        self._length += len(message.get("body", b""))
        self.whole = message["type"] != "http.request" or not message.get("more_body")
        return message
