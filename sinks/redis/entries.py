"""Entries of Streams, as redis-py gives them."""

from collections.abc import Iterator
from typing import Any, cast

from sinks.redis.connect import Connected

Entry = tuple[bytes, dict[bytes, bytes]]


def by_stream(reply: Any) -> Iterator[tuple[bytes, list[Entry]]]:
    """The entries by the name of their Stream: their id and fields.

    redis-py 8 gives `{name: [entries]}` over RESP3 and `[[name, entries]]` over RESP2, and an
    empty list or None for nothing.
    """
    if isinstance(reply, dict):
        for name, (entries,) in reply.items():
            yield name, entries
        return
    for name, entries in reply or ():
        yield name, entries


async def backwards(client: Connected, key: str, end: str, count: int) -> list[Entry]:
    """The last entries of a Stream up to `end`, the newest first."""
    return cast("list[Entry]", await client.xrevrange(key, max=end, count=count))
