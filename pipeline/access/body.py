"""The body of a request: in whole, in time, and no larger than is borne.

What we take is small (an SDP, a login), so it is read before anybody looks at the request: no route
has to wait for a caller.
"""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

LINGER = 64  # MiB that are read and thrown away, so that the caller reads our answer, not a reset


def has_body(headers: Headers) -> bool:
    """Whether a request says that it has a body. RFC 9112, 6."""
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def read_body(headers: Headers, receive: Receive, bytes_max: int, seconds: float) -> bytes:
    """All of a body.

    seconds  until it must be here
    raises   HTTPException 413 if it is larger than `bytes_max`, 408 if it is not here in time;
             ClientDisconnect if the caller has gone
    """
    too_large = HTTPException(
        413, f"body: wanted at most {bytes_max} bytes", {"Connection": "close"}
    )
    announced = headers.get("content-length", "0")
    if "expect" in headers and announced.isdecimal() and int(announced) > bytes_max:
        raise too_large  # it waits for our word, and has sent nothing
    body = bytearray()
    length = 0
    try:
        async with asyncio.timeout(seconds):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                length += len(message.get("body", b""))
                if length <= bytes_max:
                    body += message.get("body", b"")
                elif length > LINGER << 20:
                    raise too_large
                more = message.get("more_body", False)
    except TimeoutError:
        if length > bytes_max:
            raise too_large from None
        raise HTTPException(
            408, f"body: wanted all of it within {seconds:g} seconds", {"Connection": "close"}
        ) from None
    if length > bytes_max:
        raise too_large
    return bytes(body)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that has been read, and then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
