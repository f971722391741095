"""Events as they happen, for pages: server-sent events (WHATWG HTML, section 9.2)."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection
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
        self._last: deque[tuple[str, bytes]] = deque(maxlen=LAST)
        self._listening: dict[asyncio.Queue[bytes | None], Collection[str] | None] = {}
        self._closed = False

    def __len__(self) -> int:
        """How many listen."""
        return len(self._listening)

    def tell(self, event: Event) -> None:
        """Something has happened."""
        name = "".join(event.name.splitlines())
        written = f"event: {name}\ndata: ".encode() + encode(event_message(event)) + b"\n\n"
        self._last.append((event.about, written))
        for queue, about in self._listening.items():
            if about is None or event.about in about:
                _put(queue, written)

    async def follow(self, about: Collection[str] | None = None) -> AsyncIterator[bytes]:
        """The last events, then each as it happens, until `close`.

        about  only of these streams; None for all events, those of nodes too
        """
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING)
        for subject, earlier in self._last:
            if about is None or subject in about:
                queue.put_nowait(earlier)
        if self._closed:
            return
        self._listening[queue] = about
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
            del self._listening[queue]

    def close(self) -> None:
        """Nobody hears anything more."""
        self._closed = True
        for queue in self._listening:
            _put(queue, None)


def _put(queue: "asyncio.Queue[bytes | None]", written: bytes | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(written)
