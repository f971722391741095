"""The keys of a sink whose messages wait on disk while its peer is away."""

from pathlib import Path

from pydantic import Field

from sinks.delivery.spool import Fsync, Policy, Spool
from sinks.sink import SinkContext
from stages.stage import Options


class SpoolOptions(Options):
    """The keys of every sink that has a spool."""

    spool: Path = Field(
        Path("out/spool"),
        description="Folder in which messages wait on disk while the peer is away, in a file with "
        "the sink's name.",
    )
    spool_mb: float = Field(
        256.0, ge=0, description="Megabytes that may wait on disk; 0 for no spool."
    )
    spool_full: Policy = Field(
        "drop_oldest",
        description="What a full spool does: lets the oldest go and counts them (`drop_oldest`), "
        "or holds up the sink until there is room (`block`).",
    )
    spool_fsync: Fsync = Field(
        "second",
        description="What a loss of power may cost of the spool: nothing (`always`), the last "
        "second, or what the system had not yet written (`never`). A process that is killed loses "
        "nothing.",
    )

    def spool_of(self, context: SinkContext) -> Spool | None:
        """The spool of a sink, which is not opened yet; None where there is to be none."""
        if not self.spool_mb:
            return None
        path = context.folder / self.spool / f"{context.node}.sqlite"
        limit = round(self.spool_mb * 1e6)
        return Spool(path, limit, policy=self.spool_full, fsync=self.spool_fsync)
