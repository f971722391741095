"""Events on their way, which go on though nobody waits for them any longer."""

import asyncio
from collections.abc import Coroutine
from typing import Final

from sinks.errors import SinkLost

MOST: Final = 1000  # behind a full spool that blocks, or to a peer that hangs
LEAVE_S: Final = 0.5  # that they have at the end: a sink has two seconds to close in


class UnderWay:
    """Sends each in a task: a pipeline waits two seconds for an event, the promise is longer."""

    def __init__(self) -> None:
        """None is."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def carry(self, sending: Coroutine[None, None, None]) -> None:
        """Wait until it is sent; who is cancelled meanwhile does not keep it from that.

        raises  SinkLost if MOST are under way already, and what `sending` raises
        """
        if len(self._tasks) >= MOST:
            sending.close()
            raise SinkLost(f"wanted to send an event, got {MOST} that are under way already")
        task = asyncio.create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def close(self) -> None:
        """Give them a while to arrive."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=LEAVE_S)
            for task in late:
                task.cancel()
