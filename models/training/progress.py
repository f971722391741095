"""A bar for what Keras shows none for."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.progress import Progress

T = TypeVar("T")


def counted(items: Sequence[T], what: str) -> Iterator[tuple[int, T]]:
    """The items with their numbers, and a bar on a terminal."""
    with Progress(transient=True) as bar:
        yield from enumerate(bar.track(items, description=what))
