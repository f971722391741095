"""Did you mean: the known names that look like a mistaken one."""

from collections.abc import Collection
from difflib import get_close_matches

SHOWN = 12


def looks_like(name: str, known: Collection[str]) -> bool:
    """Whether `name` is all but one of the known names."""
    return bool(get_close_matches(name, known, n=1, cutoff=0.8))


def did_you_mean(name: str, known: Collection[str]) -> str:
    """A half sentence with the names nearest to `name`, or with all where none is near."""
    near = get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    if not known:
        return "there is none"
    listed = sorted(known)
    more = ", ..." if len(listed) > SHOWN else ""
    return f"there is {', '.join(listed[:SHOWN])}{more}"
