"""Events as they happen, for pages: server-sent events (WHATWG HTML, section 9.2)."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress

from sinks.wire import encode, event_message
from stages.events import Event

LAST = 100  # that a page gets first
WAITING = 200  # that a page which does not read may have waiting; then the oldest give way
ALIVE_S = 15.0  # between signs of life, so that nothing on the way hangs up
ALIVE = b": here\n\n"
MEDIA_TYPE = "text/event-stream"


class Bulletins:
    """Keeps the last events and gives them, and those that follow, to whoever listens."""

    def __init__(self) -> None:
        """Nothing has happened."""
        self._last: deque[bytes] = deque(maxlen=LAST)
        self._listening: set[asyncio.Queue[bytes | None]] = set()
        self._closed = False

    def __len__(self) -> int:
        """How many listen."""
        return len(self._listening)

    def tell(self, event: Event) -> None:
        """Something has happened."""
        name = "".join(event.name.splitlines())
        written = f"event: {name}\ndata: ".encode() + encode(event_message(event)) + b"\n\n"
        self._last.append(written)
        for queue in self._listening:
            _put(queue, written)

    async def follow(self) -> AsyncIterator[bytes]:
        """The last events, then each as it happens, until `close`."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING)
        for earlier in self._last:
            queue.put_nowait(earlier)
        if self._closed:
            return
        self._listening.add(queue)
        try:
            yield ALIVE  # so that the page knows that it is heard
            while True:
                written: bytes | None = ALIVE
                with suppress(TimeoutError):
                    async with asyncio.timeout(ALIVE_S):
                        written = await queue.get()
                if written is None:
                    return
                yield written
        finally:
            self._listening.discard(queue)

    def close(self) -> None:
        """Nobody hears anything more."""
        self._closed = True
        for queue in self._listening:
            _put(queue, None)


def _put(queue: "asyncio.Queue[bytes | None]", written: bytes | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(written)
