"""A stream as coded video: passed through where that can be, else encoded once for all readers."""

from sinks.video.encoding import Encoding
from sinks.video.sink import VideoSink
from sinks.video.video import Reader, Subscription, Video

__all__ = ["Encoding", "Reader", "Subscription", "Video", "VideoSink"]
