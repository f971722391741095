"""Numbers that let a consumer see what it missed, and what it was told twice."""

from dataclasses import dataclass, field

MOST = 10_000  # missing numbers that are remembered for one subject
RUNS = 8  # of each subject that are remembered

Subject = tuple[str, ...]


@dataclass(slots=True)
class _Heard:
    """Of one subject in one run: the greatest number, and those below that are missing."""

    last: int
    missing: set[int] = field(default_factory=set)


class Checklist:
    """What has been heard about each subject, and what is missing in between.

    Runs are not put in an order: a clock that was set back would turn it round.

    doubles  messages that had been heard before
    missing  how many have been missed so far and have not come late
    """

    def __init__(self) -> None:
        """Nothing has been heard; the first message of a subject has nothing before it."""
        self.doubles = 0
        self.missing = 0
        self._heard: dict[Subject, dict[str, _Heard]] = {}

    def gap(self, run: str, number: int, *subject: str) -> range:
        """The numbers missing before `number`, if it comes now. A later run begins at 0."""
        runs = self._heard.get(subject)
        if not runs:
            return range(0)
        return range(runs[run].last + 1 if run in runs else 0, number)

    def hear(self, run: str, number: int, *subject: str) -> bool:
        """Note a message. False if it was heard before."""
        runs = self._heard.setdefault(subject, {})
        if run not in runs:
            runs[run] = _Heard(-1 if runs else number - 1)
            if len(runs) > RUNS:
                runs.pop(next(iter(runs)))
        heard = runs[run]
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
        heard.missing.update(numbers[-MOST:])
        if len(heard.missing) > MOST:
            heard.missing = set(sorted(heard.missing)[-MOST:])
