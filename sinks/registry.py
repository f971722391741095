"""The sinks by name. Third parties add theirs by entry point."""

from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import cast

from sinks.errors import BadSink
from sinks.jsonl import JsonlSink
from sinks.kafka import KafkaSink
from sinks.mjpeg import MjpegSink
from sinks.mp4 import Mp4Sink
from sinks.mqtt import MqttSink
from sinks.null import NullSink
from sinks.parquet import ParquetSink
from sinks.record import RecordSink
from sinks.redis import RedisSink
from sinks.restream import RestreamSink
from sinks.sink import Sink
from sinks.webhook import WebhookSink
from sinks.webrtc.sink import WebrtcSink

SINKS: dict[str, type[Sink]] = {
    "redis": RedisSink,
    "jsonl": JsonlSink,
    "parquet": ParquetSink,
    "mp4": Mp4Sink,
    "mjpeg": MjpegSink,
    "webrtc": WebrtcSink,
    "restream": RestreamSink,
    "webhook": WebhookSink,
    "mqtt": MqttSink,
    "kafka": KafkaSink,
    "record": RecordSink,
    "null": NullSink,
}

ENTRY_POINTS = "framewire.sinks"


def find_sink(name: str) -> type[Sink]:
    """The class behind `sink: name`.

    name    one of SINKS, or an entry point of the group `framewire.sinks`
    raises  BadSink if there is none, naming what comes near, or if it is not a sink
    """
    if name in SINKS:
        return SINKS[name]
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name in found:
        loaded = found[name].load()
        if not (isinstance(loaded, type) and Sink in loaded.__mro__):
            raise BadSink(f"sink {name!r}: wanted a subclass of sinks.Sink, got {loaded!r}")
        return cast("type[Sink]", loaded)
    known = [*SINKS, *found]
    near = get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
    raise BadSink(f"no sink is called {name!r}; {hint}")
