"""What is known of a stream, for the page: how old its newest picture is, whether any comes."""

import time
from dataclasses import dataclass

from sinks.video import Video
from stages.events import Event
from stages.frame import Frame
from stages.lane import Coding, Packet

GONE = frozenset({"source.lost", "source.ended", "source.failed", "source.refused"})
BACK = frozenset({"source.back"})


class Pulse:
    """A tap that only notes when something has come.

    latest     monotonic seconds at which the newest packet or picture came in; None before
    connected  the source has begun, and was not lost since
    """

    pictures = False

    def __init__(self) -> None:
        """Nothing has come."""
        self.latest: float | None = None
        self.connected = False

    def opened(self, coding: Coding | None) -> None:  # noqa: ARG002
        """See `Tap`."""
        self.connected = True

    def packet(self, packet: Packet) -> None:
        """See `Tap`."""
        self.latest = packet.arrived

    def picture(self, frame: Frame) -> None:
        """See `Tap`, or a picture from the graph."""
        self.latest = max(frame.arrived, self.latest or frame.arrived)
        self.connected = True

    def hear(self, event: Event) -> None:
        """Something happened to the stream."""
        if event.name in GONE:
            self.connected = False
        elif event.name in BACK:
            self.connected = True

    def age_ms(self) -> int | None:
        """Milliseconds since the newest came in."""
        return None if self.latest is None else round((time.monotonic() - self.latest) * 1e3)


@dataclass(frozen=True, slots=True)
class StreamState:
    """One stream as the page has it."""

    name: str
    video: Video
    pulse: Pulse
    nodes: tuple[str, ...]

    def told(self, viewers: int) -> dict[str, object]:
        """For /api/viewer. `viewers`: how many watch it."""
        video = self.video
        return {
            "name": self.name,
            "size": list(video.size),
            "path": video.path,
            "why": video.why,
            "codec": video.codec,
            "encoder": video.coder,
            "age_ms": self.pulse.age_ms(),
            "connected": self.pulse.connected,
            "nodes": list(self.nodes),
            "viewers": viewers,
        }
