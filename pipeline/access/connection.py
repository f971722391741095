"""Connections that the server bears: so many at a time, and only while something comes of them.

uvicorn waits for the head of a request for as long as it takes. Imported only when the server
starts: uvicorn takes 0.06 s.
"""

import asyncio

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from stages.throttle import Throttle

log = structlog.get_logger()

TOO_SLOW = h11.Response(
    status_code=408,
    reason=b"Request Timeout",
    headers=[("Content-Length", "0"), ("Connection", "close")],
)


def protocol(connections_max: int, head_s: float) -> type[H11Protocol]:
    """The class of the server's connections.

    connections_max  at a time; one more is closed at once
    head_s           seconds until the head of a request must be here, from its first byte; for the
                     first one, from when the connection was made
    """

    throttle = Throttle()

    class Connection(H11Protocol):
        """Hangs up when the head of a request does not come."""

        _waiting: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            """Take it, or hang up."""
            super().connection_made(transport)
            if len(self.connections) > connections_max:
                transport.abort()
            else:
                self._waiting = self.loop.call_later(head_s, self._too_slow)

        def data_received(self, data: bytes) -> None:
            """More of a head, or of a body."""
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._arrived()
            elif self._waiting is None:
                self._waiting = self.loop.call_later(head_s, self._too_slow)

        def send_400_response(self, msg: str) -> None:
            """What came is no HTTP: told once a second, since anybody can send it all day."""
            if (held_back := throttle.ready()) is not None:
                at = self.client[0] if self.client else "unknown"
                log.warning("a request that is none", at=at, held_back=held_back)
            super().send_400_response(msg)

        def connection_lost(self, exc: Exception | None) -> None:
            """It has gone."""
            self._arrived()
            super().connection_lost(exc)

        def _arrived(self) -> None:
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

        def _too_slow(self) -> None:
            self._waiting = None
            if self.conn.our_state is h11.IDLE:
                end = self.conn.send(TOO_SLOW), self.conn.send(h11.EndOfMessage())
                self.transport.write(b"".join(part for part in end if part))
            self.transport.close()

    return Connection
