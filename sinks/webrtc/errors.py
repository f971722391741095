"""What a viewer asked for and does not get."""

from sinks.errors import SinkError


class Refused(SinkError):
    """Refuses a viewer.

    status  of HTTP, 400 to 599
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
