"""What keys and channels are called. See the table in `docs/schema.md`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """Names that start with `prefix`, parted by colons, so that browsers show them as a tree.

    cluster  the stream's name stands in braces: a Cluster then keeps all of its keys on one node
    """

    prefix: str = "framewire"
    cluster: bool = False

    def result(self, stream: str, node: str) -> str:
        """The channel and the Stream of what `node` says about `stream`."""
        return f"{self.prefix}:{{{stream}}}:{node}" if self.cluster else self._plain(stream, node)

    def latest(self, stream: str, node: str) -> str:
        """The key that holds the last of it, for a while."""
        return f"{self.result(stream, node)}:latest"

    def instance(self, run: str) -> str:
        """The key in which a running instance tells of itself."""
        return f"{self.instances}:{run}"

    def thumbnail(self, run: str, number: int) -> str:
        """The key of the picture that belongs to an event."""
        return f"{self.events}:{run}:{number}"

    @property
    def events(self) -> str:
        """The channel and the Stream of events."""
        return f"{self.prefix}:events"

    @property
    def instances(self) -> str:
        """The sorted set of those that run, by the second at which each is taken for gone."""
        return f"{self.prefix}:instances"

    @property
    def index(self) -> str:
        """The set of all Streams' names."""
        return f"{self.prefix}:index"

    @property
    def control(self) -> str:
        """The channel of commands."""
        return f"{self.prefix}:control"

    @property
    def answers(self) -> str:
        """The channel of what became of commands."""
        return f"{self.prefix}:answers"

    def _plain(self, stream: str, node: str) -> str:
        return f"{self.prefix}:{stream}:{node}"
