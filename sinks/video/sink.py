"""What sinks of coded video have in common."""

from typing import ClassVar

from pydantic import BaseModel

from sinks.sink import Mode, Sink
from sinks.video.options import VideoOptions


class VideoSink(Sink):
    """Takes packets from the lane; from the graph what is drawn on, or guarded."""

    lane: ClassVar[bool] = True

    @classmethod
    def mode_for(cls, options: BaseModel, *, guarded: bool) -> Mode:
        """A picture that is drawn on, or partly hidden, waits for all who have a say in it."""
        assert isinstance(options, VideoOptions)
        return "frame" if options.burn or guarded else "each"
