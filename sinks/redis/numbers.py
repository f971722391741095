"""Numbers that let a consumer see what it missed, and what it was told twice."""

from dataclasses import dataclass, field

MOST = 10_000  # missing numbers that are remembered for one subject
RUNS = 256  # of each subject that are remembered: all who share a prefix send events

SECOND = "20250601T115959"  # as the name of a run begins
Subject = tuple[str, ...]


@dataclass(slots=True)
class _Heard:
    """Of one subject in one run: the greatest number, and those below that are missing."""

    last: int
    missing: set[int] = field(default_factory=set)


class Checklist:
    """What has been heard about each subject, and what is missing in between.

    Runs are not put in an order: a clock that was set back would turn it round. But one that had
    begun before the first message of its subject was heard may have sent many of them by then, and
    nothing is known to be missing.

    doubles  messages that had been heard before
    missing  how many have been missed so far and have not come late
    """

    def __init__(self) -> None:
        """Nothing has been heard; the first message of a subject has nothing before it."""
        self.doubles = 0
        self.missing = 0
        self._heard: dict[Subject, dict[str, _Heard]] = {}
        self._since: dict[Subject, str] = {}

    def gap(self, run: str, number: int, *subject: str) -> range:
        """The numbers missing before `number`, if it comes now. A later run begins at 0."""
        heard = self._heard.get(subject, {}).get(run)
        if heard is not None:
            return range(heard.last + 1, number)
        return range(number) if self._began_since(run, subject) else range(0)

    def hear(self, run: str, number: int, *subject: str, at: str = "") -> bool:
        """Note a message, made at the moment `at` (of RFC 3339). False if it was heard before."""
        runs = self._heard.setdefault(subject, {})
        heard = runs.pop(run, None)
        if heard is None:
            heard = _Heard(-1 if self._began_since(run, subject) else number - 1)
            self._since.setdefault(subject, at.replace("-", "").replace(":", "")[: len(SECOND)])
        runs[run] = heard  # behind all others, so that it is forgotten after them
        if len(runs) > RUNS:
            runs.pop(next(iter(runs)))
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

    def _began_since(self, run: str, subject: Subject) -> bool:
        """Whether a run began after the subject was first heard of; its name has the second."""
        since = self._since.get(subject)
        return since is not None and run[: len(SECOND)] > since

    def _miss(self, heard: _Heard, numbers: range) -> None:
        self.missing += len(numbers)
        heard.missing.update(numbers[-MOST:])
        if len(heard.missing) > MOST:
            heard.missing = set(sorted(heard.missing)[-MOST:])
