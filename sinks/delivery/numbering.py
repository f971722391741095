"""Numbers of messages, by which a consumer sees what it missed."""


class Numbering:
    """Counts what is sent about each subject, from 0."""

    def __init__(self) -> None:
        """Nothing has been sent."""
        self._next: dict[tuple[str, ...], int] = {}

    def next(self, *subject: str) -> int:
        """The number of the next message about `subject`."""
        number = self._next.get(subject, 0)
        self._next[subject] = number + 1
        return number
