"""A frame: one picture of one stream, its clocks, and what each node has said about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from models.results import Result
from stages.picture import Picture


@dataclass(slots=True, eq=False)
class Frame:
    """One picture on its way through the graph.

    stream       name of its stream in the config
    seq          number of the picture in its stream, from 0, without gaps over reconnects; a
                 picture that was left undecoded on purpose has a number too
    pts          seconds since the stream began, on the stream's own clock; never falls
    captured_at  UTC, from the camera's clock where it sends one, else the time of arrival
    arrived      monotonic seconds at which the packet that completed it came in
    decoded      monotonic seconds at which the decoder gave the picture
    keyframe     the picture stands alone
    corrupt      some of its pixels are guesses: it, or one that it is built from, came damaged
                 or not at all
    """

    stream: str
    seq: int
    pts: float
    captured_at: datetime
    arrived: float
    decoded: float
    picture: Picture
    keyframe: bool = False
    corrupt: bool = False
    _results: dict[str, Result] = field(default_factory=dict)

    @property
    def results(self) -> Mapping[str, Result]:
        """What each node has said so far, by its name; nobody changes it but `say`."""
        return MappingProxyType(self._results)

    def say(self, node: str, result: Result) -> None:
        """Write down what `node` found. A result is written once and never changed.

        raises  RuntimeError if the node has already spoken
        """
        if self._results.setdefault(node, result) is not result:
            raise RuntimeError(f"{self.stream} #{self.seq}: {node} has already given its result")
