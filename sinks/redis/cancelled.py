"""Heeding a cancellation that somebody below has swallowed."""

import asyncio


def heed() -> None:
    """Raise CancelledError if this task was cancelled and has not been told.

    redis-py waits with `asyncio.wait_for`, which up to Python 3.11 forgets a cancellation that
    comes in the moment in which what it waits for is done (cpython issue 86296).
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
