"""The null sink."""

from sinks.null import NullSink
from sinks.sink import SinkContext
from stages.stage import Options
from tests.factory import deliveries


async def test_it_counts_and_forgets() -> None:
    sink = NullSink(Options(), SinkContext("null", ("a",)))
    await sink.open()
    await sink.write(deliveries(3))
    await sink.write(deliveries(2))
    await sink.close()
    assert sink.count == 5
    assert sink.counts() == {"taken_results_total": 5}
    assert sink.address() is None
