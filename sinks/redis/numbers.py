"""Numbers that let a consumer see what it missed, and what it was told twice."""

from collections.abc import Iterable
from dataclasses import dataclass, field

MOST = 10_000  # missing numbers that are remembered for one subject

Subject = tuple[str, ...]


class Numbering:
    """Counts what is sent about each subject, from 0."""

    def __init__(self) -> None:
        """Nothing has been sent."""
        self._next: dict[Subject, int] = {}

    def next(self, *subject: str) -> int:
        """The number of the next message about `subject`."""
        number = self._next.get(subject, 0)
        self._next[subject] = number + 1
        return number


@dataclass(slots=True)
class _Heard:
    last: int
    missing: set[int] = field(default_factory=set)


class Checklist:
    """What has been heard about each subject in each run, and what is missing in between.

    doubles  messages that had been heard before
    missing  how many have been missed so far and have not come late
    """

    def __init__(self) -> None:
        """Nothing has been heard; the first message of a subject has nothing before it."""
        self.doubles = 0
        self.missing = 0
        self._heard: dict[Subject, _Heard] = {}

    def gap(self, number: int, *subject: str) -> range:
        """The numbers that are missing before `number`, if it comes now."""
        heard = self._heard.get(subject)
        return range(0) if heard is None else range(heard.last + 1, number)

    def hear(self, number: int, *subject: str) -> bool:
        """Note a message. False if it was heard before."""
        heard = self._heard.get(subject)
        if heard is None:
            self._heard[subject] = _Heard(number)
            return True
        if number > heard.last:
            self._miss(heard, range(heard.last + 1, number))
            heard.last = number
            return True
        if number in heard.missing:
            heard.missing.discard(number)
            self.missing -= 1
            return True
        self.doubles += 1
        return False

    def _miss(self, heard: _Heard, numbers: range) -> None:
        self.missing += len(numbers)
        heard.missing.update(_last(numbers))
        for number in sorted(heard.missing)[:-MOST] if len(heard.missing) > MOST else ():
            heard.missing.discard(number)


def _last(numbers: range) -> Iterable[int]:
    return numbers[-MOST:]
