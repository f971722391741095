"""A bar for what Keras shows none for."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.progress import Progress

T = TypeVar("T")


def counted(items: Sequence[T], what: str) -> Iterator[T]:
    """The items, and a bar on a terminal that says how many of them are done."""
    with Progress(transient=True) as bar:
        yield from bar.track(items, description=what)
