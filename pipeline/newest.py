"""What nodes have last said about each stream, for sinks that show it without waiting for it."""

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sinks.sink import Recent
from stages.frame import Frame

if TYPE_CHECKING:
    from models.results import Result


class Newest:
    """The newest results of a sink's `recent` nodes. Written and read from any thread."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self.nodes = tuple(nodes)
        self._said: dict[tuple[str, str], tuple[float, Result]] = {}
        self._lock = threading.Lock()

    def hear(self, node: str, frame: Frame) -> None:
        """`node` has left a result on a frame."""
        with self._lock:
            self._said[frame.stream, node] = (frame.pts, frame.results[node])

    def about(self, frame: Frame) -> Mapping[str, Recent]:
        """What is known when a frame is shown, by node: of its stream, and on no later frame."""
        with self._lock:
            known = {node: self._said.get((frame.stream, node)) for node in self.nodes}
        return {
            node: Recent(said[1], frame.pts - said[0])
            for node, said in known.items()
            if said is not None and said[0] <= frame.pts
        }
