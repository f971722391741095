"""Where results go: brokers, files, video, a page."""

from sinks.errors import BadSink, SinkError, SinkLost
from sinks.sink import Delivery, Sink, SinkContext

__all__ = ["BadSink", "Delivery", "Sink", "SinkContext", "SinkError", "SinkLost"]
