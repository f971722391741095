"""The report as Prometheus metrics, worked out when they are asked for."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from pipeline.report import Report


def registry(look: Callable[[], Report]) -> CollectorRegistry:
    """A registry that takes its numbers from `look` at each scrape."""
    made = CollectorRegistry()
    made.register(_Collector(look))
    return made


class _Collector(Collector):
    def __init__(self, look: Callable[[], Report]) -> None:
        self._look = look

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        report = self._look()
        yield from _frames(report)
        yield from _nodes(report)
        yield from _streams(report)
        happened = CounterMetricFamily("framewire_events", "Events, by name", labels=["event"])
        for event, count in report.events.items():
            happened.add_metric([event], count)
        yield happened


def _frames(report: Report) -> Iterator[Metric]:
    entered = CounterMetricFamily(
        "framewire_frames_entered", "Frames that reached a node", labels=["node", "stream"]
    )
    ended = CounterMetricFamily(
        "framewire_frames_ended",
        "Frames that ended at a node, by what became of them",
        labels=["node", "stream", "outcome", "reason"],
    )
    inside = GaugeMetricFamily(
        "framewire_frames_in_flight",
        "Frames that wait at a node or are being worked on",
        labels=["node", "stream"],
    )
    for name, node in report.nodes.items():
        for stream, balance in node.ledger.items():
            entered.add_metric([name, stream], balance.entered)
            ended.add_metric([name, stream, "done", ""], balance.done)
            for reason, count in balance.dropped.items():
                ended.add_metric([name, stream, "dropped", reason], count)
            for reason, count in balance.failed.items():
                ended.add_metric([name, stream, "failed", reason], count)
            inside.add_metric([name, stream], balance.in_flight)
    yield from (entered, ended, inside)


def _nodes(report: Report) -> Iterator[Metric]:
    depth = GaugeMetricFamily("framewire_link_depth", "Frames waiting in a link", labels=["node"])
    busy = GaugeMetricFamily(
        "framewire_node_busy", "Share of the time a stage is at work", labels=["node"]
    )
    latency = GaugeMetricFamily(
        "framewire_latency_seconds",
        "From a frame's arrival to the end of its write, over the last results",
        labels=["node", "quantile"],
    )
    for name, node in report.nodes.items():
        depth.add_metric([name], node.depth)
        if node.busy is not None:
            busy.add_metric([name], node.busy)
        if node.latency is not None:
            for quantile, ms in zip(
                ("0.5", "0.95", "0.99"),
                (node.latency.p50, node.latency.p95, node.latency.p99),
                strict=True,
            ):
                latency.add_metric([name, quantile], ms / 1000)
    yield from (depth, busy, latency)


def _streams(report: Report) -> Iterator[Metric]:
    up = GaugeMetricFamily("framewire_stream_up", "1 while frames come", labels=["stream"])
    captured = CounterMetricFamily(
        "framewire_frames_captured", "Frames that a source gave", labels=["stream"]
    )
    counts = CounterMetricFamily(
        "framewire_source", "What a source counts", labels=["stream", "what"]
    )
    away = CounterMetricFamily(
        "framewire_stream_away_seconds", "Seconds without the source", labels=["stream"]
    )
    for name, stream in report.streams.items():
        up.add_metric([name], stream.connected)
        captured.add_metric([name], stream.captured)
        away.add_metric([name], stream.downtime_s)
        for what, count in stream.counts.items():
            counts.add_metric([name, what], count)
    yield from (up, captured, counts, away)
