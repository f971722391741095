"""A peer that can be away, can hang, and can refuse."""

import asyncio
from collections.abc import Sequence

from sinks.delivery import Record
from sinks.errors import SinkError, SinkLost


class Peer:
    """Takes records while it is there.

    got     what it has taken, in order
    cut     of the next batch, it takes so many and then breaks off
    breaks  the next batch, it raises that
    asked   times it was asked to take a batch
    """

    def __init__(self, *, there: bool = True) -> None:
        self.got: list[Record] = []
        self.there = there
        self.refuses = False
        self.cut: int | None = None
        self.breaks: Exception | None = None
        self.asked = 0
        self._news = asyncio.Event()

    async def deliver(self, records: Sequence[Record]) -> None:
        self.asked += 1
        self._tell()
        if not self.there:
            raise SinkLost("the peer is away")
        if self.breaks is not None:
            breaks, self.breaks = self.breaks, None
            raise breaks
        if self.refuses:
            raise SinkError("the peer does not want them")
        if self.cut is not None:
            cut, self.cut = self.cut, None
            self.got += records[:cut]
            raise SinkLost("the peer broke off")
        self.got += records
        self._tell()

    async def has(self, count: int) -> None:
        """Wait until it has taken so many."""
        await self._until(lambda: len(self.got) >= count)

    async def was_asked(self, times: int) -> None:
        """Wait until it was asked so many times."""
        await self._until(lambda: self.asked >= times)

    async def _until(self, holds) -> None:  # type: ignore[no-untyped-def]
        async with asyncio.timeout(10):
            while not holds():
                self._news.clear()
                await self._news.wait()

    def _tell(self) -> None:
        self._news.set()


def records(first: int, last: int, key: str = "framewire:a:detect", size: int = 10) -> list[Record]:
    """Records numbered from `first` up to, not with, `last`."""
    return [Record(f"a:{n}:detect:run", key, b"x" * size) for n in range(first, last)]


def numbers(found: Sequence[Record]) -> list[int]:
    return [int(record.id.split(":")[1]) for record in found]
