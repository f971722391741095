"""The connection of the sink: one batch, one round trip, a limit on how long that may take.

Apart from the sink, which imports it in a thread when it opens: redis-py takes 0.23 s to import.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import cast

from redis.asyncio import RedisCluster
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - redis-py's own, which is no OSError
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TimeoutError,  # noqa: A004
    TryAgainError,
)

from sinks.errors import BadSink, SinkError, SinkLost
from sinks.redis.cancelled import heed
from sinks.redis.connect import Address, Connected, connect, disconnect
from stages.capture.mask import mask

Command = tuple[str | bytes | int | float, ...]

FAILED = (RedisError, RedisClusterException, OSError)
PASSING = (
    *(ConnectionError, TimeoutError, OutOfMemoryError, ReadOnlyError, ClusterDownError),
    *(TryAgainError, NoPermissionError),
)
PASSING_WORDS = ("NOREPLICAS", "MISCONF", "BUSY ")


class RedisClient:
    """A Redis that may go away and come back.

    Nothing here waits longer than `give_up_s`; the next call connects again.

    there  whether it answered when it was last asked
    """

    def __init__(self, address: Address) -> None:
        """Connects later, at the first call. Raises BadSink if the address cannot be read."""
        self.there = True
        self._address = address
        self._redis: Connected = connect(address)

    async def greet(self) -> None:
        """See whether it is there.

        raises  BadSink if it will not let us in, SinkLost if it is away
        """
        try:
            async with asyncio.timeout(self._address.give_up_s):
                await cast("Awaitable[object]", self._redis.ping())
        except FAILED as error:
            shut = isinstance(error, AuthenticationError | NoPermissionError)
            if shut or refuses(error):
                said = mask(str(error))
                raise BadSink(f"{self._address.shown}: wanted to be let in, got: {said}") from None
            self.there = False
            raise self._lost(error) from None

    async def run(self, commands: Sequence[Command], *, whole: bool = False) -> list[object]:
        """Run commands, in their order, in one round trip.

        whole    all of them or none, but for those that Redis refuses; not in a Cluster
        returns  their answers
        raises   SinkLost if Redis is away, or full, or not yet ready: some may have been run.
                 SinkError if it refused some
        """
        clustered = isinstance(self._redis, RedisCluster)
        pipeline = self._redis.pipeline(transaction=whole and not clustered)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            async with asyncio.timeout(self._address.give_up_s):
                replies: list[object] = await pipeline.execute(raise_on_error=False)
        except ResponseError as error:  # of all that were to be run as one
            raise await self._refused([error], len(commands)) from None
        except FAILED as error:
            self.there = False
            await self._hang_up()
            raise self._lost(error) from None
        heed()
        self.there = True
        refused = [reply for reply in replies if isinstance(reply, Exception)]
        if refused:
            raise await self._refused(refused, len(replies))
        return replies

    async def close(self) -> None:
        """Let go of the connections."""
        await disconnect(self._redis)

    async def _hang_up(self) -> None:
        """Leave connections on which answers may still be on their way."""
        if isinstance(self._redis, RedisCluster):
            await self._redis.aclose()
        else:
            await self._redis.connection_pool.disconnect()

    async def _refused(self, refused: Sequence[Exception], of: int) -> SinkError:
        for error in refused:
            if isinstance(error, TimeoutError | ConnectionError):
                self.there = False
            if isinstance(error, ReadOnlyError):  # the address may lead to another one by now
                await self._hang_up()
            if not refuses(error):
                return self._lost(error)
        return SinkError(
            f"{self._address.shown}: {len(refused)} of {of} commands refused, "
            f"the first with: {refused[0]}"
        )

    def _lost(self, error: Exception) -> SinkLost:
        said = mask(str(error)) or f"no answer in {self._address.give_up_s} s"
        return SinkLost(f"{self._address.shown} is away: {said}")


def refuses(error: Exception) -> bool:
    """Whether this was refused for good: not until somebody makes room or gives a right, say."""
    passing = isinstance(error, PASSING) or any(word in str(error) for word in PASSING_WORDS)
    return isinstance(error, ResponseError) and not passing
