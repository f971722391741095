"""What XREAD answers, whichever protocol the connection speaks."""

from collections.abc import Iterator
from typing import Any

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
