"""Video kept as it came, in mp4 files that can be played at any moment, with what was said."""

from sinks.record.options import RecordOptions
from sinks.record.sink import RecordSink

__all__ = ["RecordOptions", "RecordSink"]
