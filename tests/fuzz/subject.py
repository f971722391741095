"""What a thing that is fuzzed is: how it reads, and valid input for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from models import BadWeights

Parts = Mapping[str, bytes]


def as_files(parts: Parts) -> Parts:
    return parts


@dataclass(frozen=True)
class Sample:
    """A valid file, or several that belong together.

    parts  by name; the first is the one that is read
    pack   makes the files of the parts: those of an archive have check sums, behind which a broken
           part would never be seen
    """

    parts: Parts
    pack: Callable[[Parts], Parts] = as_files


@dataclass(frozen=True)
class Subject:
    """A reader.

    read      reads the file and all that is in it
    samples   made once a run
    refusals  what it may raise
    named     the message of a refusal begins with the file's name
    """

    read: Callable[[Path], None]
    samples: Callable[[], list[Sample]]
    refusals: tuple[type[Exception], ...] = (BadWeights,)
    named: bool = True
