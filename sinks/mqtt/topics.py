"""What topics are called. See `docs/ways-out.md`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topics:
    """Topics that start with `prefix`."""

    prefix: str

    def result(self, stream: str, node: str) -> str:
        """Of each result."""
        return f"{self.prefix}/results/{stream}/{node}"

    def state(self, stream: str, node: str) -> str:
        """Of the latest state, retained."""
        return f"{self.prefix}/state/{stream}/{node}"

    @property
    def events(self) -> str:
        """Of events."""
        return f"{self.prefix}/events"

    @property
    def status(self) -> str:
        """`online` or `offline`, retained; the broker says the latter if we cannot."""
        return f"{self.prefix}/status"
