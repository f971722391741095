"""The connection to a Redis: one batch, one round trip, a limit on how long that may take.

Apart from the sink, which imports it in a thread when it opens: redis-py takes 0.23 s to import.
"""

import asyncio
from collections.abc import Sequence

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,  # noqa: A004 - redis-py's own, which is no OSError
    NoPermissionError,
    RedisError,
    ResponseError,
)

from sinks.errors import BadSink, SinkError, SinkLost
from stages.capture.mask import mask

# Waits of 20, 40 and 80 ms: a server that went down and came up again meanwhile is not noticed.
RETRY = Retry(ExponentialBackoff(cap=0.1, base=0.01), 3, (ConnectionError,))


class RedisClient:
    """A Redis that may go away and come back.

    Nothing here waits longer than `give_up_s`; the next call connects again.
    """

    def __init__(self, url: str, give_up_s: float) -> None:
        """Connects later, at the first call. Raises BadSink if `url` cannot be read."""
        self._shown = mask(url)
        self._give_up_s = give_up_s
        try:
            self._redis = Redis.from_url(
                url,
                retry=RETRY,
                socket_timeout=give_up_s,
                socket_connect_timeout=give_up_s,
                client_name="framewire",
            )
        except (ValueError, TypeError) as error:
            raise BadSink(
                f"url {self._shown}: wanted redis://, rediss:// or unix://: {mask(str(error))}"
            ) from None

    async def greet(self) -> None:
        """See whether it is there.

        raises  BadSink if it will not let us in, SinkLost if it is away
        """
        try:
            async with asyncio.timeout(self._give_up_s):
                await self._redis.ping()
        except (AuthenticationError, NoPermissionError, ResponseError) as error:
            raise BadSink(f"{self._shown}: wanted to be let in, got: {error}") from None
        except (RedisError, OSError) as error:
            raise self._lost(error) from None

    async def send(self, entries: Sequence[tuple[str, bytes]], stream_length: int) -> None:
        """Publish each entry, and add it to its Stream unless `stream_length` is 0.

        entries  the name of the channel and of the Stream, and the message
        raises  SinkLost if Redis is away, SinkError if it refused something
        """
        pipeline = self._redis.pipeline(transaction=False)
        for key, message in entries:
            pipeline.publish(key, message)
            if stream_length:
                pipeline.xadd(key, {"message": message}, maxlen=stream_length)
        try:
            async with asyncio.timeout(self._give_up_s):
                replies = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError) as error:
            # Answers may still be on their way on the connections that we leave.
            await self._redis.connection_pool.disconnect()
            raise self._lost(error) from None
        refused = [reply for reply in replies if isinstance(reply, Exception)]
        if refused:
            raise SinkError(
                f"{self._shown}: {len(refused)} of {len(replies)} commands refused, "
                f"the first with: {refused[0]}"
            )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()

    def _lost(self, error: Exception) -> SinkLost:
        said = mask(str(error)) or f"no answer in {self._give_up_s} s"
        return SinkLost(f"{self._shown} is away: {said}")
