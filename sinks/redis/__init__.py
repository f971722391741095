"""Results into Redis, and out of it again: channels, Streams, latest states, who is running.

Imports no redis-py: that takes 0.23 s, and is done in a thread when a sink opens.
"""

from sinks.redis.heard import Gap
from sinks.redis.options import RedisOptions
from sinks.redis.sink import RedisSink
from sinks.redis.watch import Watch, watch

__all__ = ["Gap", "RedisOptions", "RedisSink", "Watch", "watch"]
