"""Counts results and forgets them: to see how fast everything before it is."""

from collections.abc import Mapping, Sequence

from sinks.sink import Delivery, Sink, SinkContext
from stages.stage import Options


class NullSink(Sink):
    """Takes whatever comes.

    count  results taken so far
    """

    def __init__(self, options: Options, context: SinkContext) -> None:  # noqa: ARG002
        """It has no options."""
        self.count = 0

    def counts(self) -> Mapping[str, float]:
        """What it took."""
        return {"taken_results_total": self.count}

    async def write(self, batch: Sequence[Delivery]) -> None:
        """Count a batch."""
        self.count += len(batch)
