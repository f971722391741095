"""The report as Prometheus metrics, worked out when they are asked for.

Names and units are as Prometheus wants them: seconds and bytes, `_total` on what only rises
(https://prometheus.io/docs/practices/naming/). What this process costs comes from Prometheus' own
client, `process_*`; `framewire_*` of the same kind counts child processes too.
"""

import re
from collections.abc import Callable, Iterator

import structlog
from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector, CollectorRegistry

from pipeline.latency import BUCKETS
from pipeline.report import Report
from stages.event_table import EVENTS
from stages.throttle import Throttle

log = structlog.get_logger()

NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")


def registry(look: Callable[[], Report]) -> CollectorRegistry:
    """A registry that takes its numbers from `look` at each scrape."""
    made = CollectorRegistry()
    made.register(_Collector(look))
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    return made


class _Collector(Collector):
    def __init__(self, look: Callable[[], Report]) -> None:
        self._look = look
        self._throttle = Throttle()

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        report = self._look()
        yield from _frames(report)
        yield from _nodes(report)
        yield from _sinks(report, self._throttle)
        yield from _streams(report)
        yield from _events(report)
        yield from _cost(report)


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
    batches = CounterMetricFamily("framewire_stage_batches", "Calls of a stage", labels=["node"])
    frames = CounterMetricFamily("framewire_stage_frames", "Frames in them", labels=["node"])
    busy = CounterMetricFamily(
        "framewire_stage_busy_seconds", "Seconds inside a stage, over its threads", labels=["node"]
    )
    hangs = CounterMetricFamily(
        "framewire_stage_hangs", "Calls that took longer than hang_s", labels=["node"]
    )
    hung = GaugeMetricFamily(
        "framewire_stage_hung", "1 while such a call has not come back", labels=["node"]
    )
    for name, node in report.nodes.items():
        depth.add_metric([name], node.depth)
        if node.busy is not None:
            batches.add_metric([name], node.batches)
            frames.add_metric([name], node.frames)
            busy.add_metric([name], node.busy_s)
            hangs.add_metric([name], node.hangs)
            hung.add_metric([name], node.hung)
    yield from (depth, batches, frames, busy, hangs, hung)


def _sinks(report: Report, throttle: Throttle) -> Iterator[Metric]:
    latency = HistogramMetricFamily(
        "framewire_latency_seconds",
        "From a frame's arrival to the end of its write",
        labels=["sink"],
    )
    counted: dict[str, Metric] = {}
    ends = [*(f"{bound:g}" for bound in BUCKETS), "+Inf"]
    for name, node in report.nodes.items():
        if node.times is not None:
            buckets = list(zip(ends, node.times.within, strict=True))
            latency.add_metric([name], buckets, node.times.sum_s)
        for what, count in node.counts.items():
            if not NAME.fullmatch(what):
                if (held_back := throttle.ready(name)) is not None:
                    log.error("not a metric's name", sink=name, name=what, held_back=held_back)
                continue
            _add(counted, what, name, count)
    yield latency
    yield from counted.values()


def _add(counted: dict[str, Metric], what: str, sink: str, count: float) -> None:
    """Put what a sink counts into the family of that name, made if need be."""
    kind = CounterMetricFamily if what.endswith("_total") else GaugeMetricFamily
    name = f"framewire_sink_{what.removesuffix('_total')}"
    family = counted.setdefault(what, kind(name, "What a sink counts", labels=["sink"]))
    assert isinstance(family, kind)
    family.add_metric([sink], count)


def _streams(report: Report) -> Iterator[Metric]:
    up = GaugeMetricFamily("framewire_stream_up", "1 while frames come", labels=["stream"])
    every = GaugeMetricFamily(
        "framewire_stream_every", "Only each such frame is worked on, overloaded", labels=["stream"]
    )
    captured = CounterMetricFamily(
        "framewire_frames_captured", "Frames that a source gave", labels=["stream"]
    )
    counts = CounterMetricFamily(
        "framewire_source_counts", "What a source counts: packets, ...", labels=["stream", "what"]
    )
    outages = CounterMetricFamily(
        "framewire_stream_outages", "How often the source went away", labels=["stream"]
    )
    away = CounterMetricFamily(
        "framewire_stream_away_seconds", "Seconds without the source", labels=["stream"]
    )
    for name, stream in report.streams.items():
        up.add_metric([name], stream.connected)
        every.add_metric([name], stream.every)
        captured.add_metric([name], stream.captured)
        outages.add_metric([name], stream.outages)
        away.add_metric([name], stream.downtime_s)
        for what, count in stream.counts.items():
            counts.add_metric([name, what], count)
    yield from (up, every, captured, counts, outages, away)


def _events(report: Report) -> Iterator[Metric]:
    happened = CounterMetricFamily("framewire_events", "Events, by name", labels=["event"])
    # Those that have not happened are there too: Prometheus sees no increase to a first value.
    for event, count in {**dict.fromkeys(EVENTS, 0), **report.events}.items():
        happened.add_metric([event], count)
    yield happened
    yield CounterMetricFamily(
        "framewire_events_missed", "Events that no sink was told of", report.missed
    )


def _cost(report: Report) -> Iterator[Metric]:
    ours = "of this process and its children"
    yield CounterMetricFamily("framewire_cpu_seconds", f"Processor time {ours}", report.cpu_s)
    memory = report.rss_mb * 1e6
    yield GaugeMetricFamily("framewire_resident_memory_bytes", f"Memory {ours}", memory)
    yield GaugeMetricFamily("framewire_processes", "This and its children", report.processes)
    yield GaugeMetricFamily("framewire_threads", "Threads of this process", report.threads)
    yield GaugeMetricFamily("framewire_ledger_balanced", "1 as it must be", report.balanced)
    yield InfoMetricFamily(
        "framewire_build", "What runs", {"version": report.versions.get("framewire", "")}
    )
