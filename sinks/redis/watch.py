"""Results and events out of Redis again, typed, with nothing missed in silence.

    async with watch("redis://localhost", stream="lobby") as messages:
        async for message in messages:
            ...

Imports no redis-py before it is used.
"""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from sinks.redis.heard import Gap, Heard, Over, Since, Wanted
from sinks.redis.names import Names
from sinks.wire import Message


class Watch(Heard):
    """Messages as they come, in the order of each stream and node, each once.

    Its `positions`, as `since` of another one, go on from there.
    """

    def __init__(self, wanted: Wanted, over: Over, on_gap: Callable[[Gap], None] | None) -> None:
        """Connects when the first message is asked for."""
        super().__init__(wanted, on_gap)
        self._over = over
        self._messages: AsyncGenerator[Message, None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncGenerator[Message, None]:
        """The messages.

        raises  SinkLost if Redis is not there to begin with; while it is away later, and `follow`
                is on, it is waited for. BadSink on a bad URL, and if Redis refuses what is asked
        """
        from sinks.redis.listening import listen  # noqa: PLC0415 - redis-py takes 0.23 s
        from sinks.redis.reading import read  # noqa: PLC0415

        self._messages = read(self) if self._over == "stream" else listen(self)
        return self._messages

    async def aclose(self) -> None:
        """Disconnect."""
        if self._messages is not None:
            await self._messages.aclose()


def watch(  # noqa: PLR0913 - each is a word of its own where it is called
    url: str,
    *,
    stream: str | None = None,
    node: str | None = None,
    events: bool = False,
    follow: bool = True,
    since: Since = None,
    over: Over = "stream",
    prefix: str = "framewire",
    cluster: bool = False,
    ca: Path | None = None,
    on_gap: Callable[[Gap], None] | None = None,
) -> Watch:
    """Messages of `sink: redis`, in either format.

    stream, node  only of these; of all by default
    events        events too; with `stream`, those about it
    follow        wait for more; else it ends with what is there
    since         the place in the Streams to begin at: an id, a moment, how long ago, or the
                  `positions` of an earlier one. By default what comes from now on, and without
                  `follow` all that is there
    over          "stream": nothing is lost while it is in the Stream. "channel": as early as can
                  be; what was missed is taken from the Stream, in its order, where it is there
    prefix, cluster, ca  as in the sink's config
    on_gap        told of messages that were missed for good, before the one behind them is given
    raises        ValueError if a channel is to begin in the past or to end
    """
    if over == "channel" and (not follow or since is not None):
        raise ValueError("over: a channel has no past and no end; wanted follow and no since")
    names = Names(prefix, cluster)
    wanted = Wanted(url, stream, node, events, follow, since, names, ca)
    return Watch(wanted, over, on_gap)
