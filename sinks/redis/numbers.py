"""Numbers that let a consumer see what it missed, and what it was told twice."""

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
    """Of one subject in its present run: the greatest number, and those below that are missing."""

    run: str
    last: int
    missing: set[int] = field(default_factory=set)


class Checklist:
    """What has been heard about each subject, and what is missing in between.

    doubles  messages that had been heard before
    missing  how many have been missed so far and have not come late
    """

    def __init__(self) -> None:
        """Nothing has been heard; the first message of a subject has nothing before it."""
        self.doubles = 0
        self.missing = 0
        self._heard: dict[Subject, _Heard] = {}

    def gap(self, run: str, number: int, *subject: str) -> range:
        """The numbers that are missing before `number`, if it comes now. A run begins at 0."""
        heard = self._heard.get(subject)
        if heard is None or run < heard.run:
            return range(0)
        return range(heard.last + 1 if run == heard.run else 0, number)

    def hear(self, run: str, number: int, *subject: str) -> bool:
        """Note a message. False if it was heard before, or is of an earlier run than the last."""
        heard = self._heard.get(subject)
        if heard is None:
            self._heard[subject] = _Heard(run, number)
            return True
        if run > heard.run:
            heard = self._heard[subject] = _Heard(run, -1)
        if run == heard.run and number > heard.last:
            self._miss(heard, range(heard.last + 1, number))
            heard.last = number
            return True
        if run == heard.run and number in heard.missing:
            heard.missing.discard(number)
            self.missing -= 1
            return True
        self.doubles += 1
        return False

    def _miss(self, heard: _Heard, numbers: range) -> None:
        self.missing += len(numbers)
        heard.missing.update(numbers[-MOST:])
        if len(heard.missing) > MOST:
            heard.missing = set(sorted(heard.missing)[-MOST:])
