"""A stream passed on: pushed to another server over RTSP or RTMP, or served by us as HLS."""

from sinks.restream.options import RestreamOptions
from sinks.restream.sink import RestreamSink

__all__ = ["RestreamOptions", "RestreamSink"]
