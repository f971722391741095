"""What can go wrong on the way out.

SinkError
├── BadSink    the sink cannot be opened with what the config says
├── SinkLost   its peer is away: a broker that went down, a full disk
└── Unchanged  an option of a node keeps its value
"""


class SinkError(Exception):
    """The root of every error that `sinks` raises on purpose."""


class BadSink(SinkError):
    """The sink cannot be opened with what the config says."""


class SinkLost(SinkError):
    """The sink's peer is away."""


class Unchanged(SinkError):
    """An option of a node keeps its value; the message says why."""
