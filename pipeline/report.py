"""What a run did, as plain data: for `--report`, the status page and the live table."""

import os
import platform
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil

from pipeline.ledger import Balance

if TYPE_CHECKING:  # who only reads reports does without all that makes them
    from pipeline.pipeline import Pipeline

PACKAGES = (
    "framewire",
    "av",
    "opencv-python-headless",
    "numpy",
    "onnxruntime-gpu",
    "onnxruntime",
    "redis",
)
SHARES = (50, 95, 99)
_BEGAN = time.monotonic() - (time.time() - float(psutil.Process(os.getpid()).create_time()))
"""Monotonic seconds at which this process began, worked out once: the wall clock may be set."""
RECENT = 20  # events that a report tells


class Latencies(msgspec.Struct, frozen=True):
    """From the arrival of a frame to the end of its write, in milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float


class Histogram(msgspec.Struct, frozen=True):
    """Latencies so far.

    within  how many were at most as long as each of `pipeline.latency.BUCKETS`, then all
    sum_s   of all, in seconds
    """

    within: Sequence[int]
    sum_s: float


class EventReport(msgspec.Struct, frozen=True):
    """Something that happened; see docs/events.md."""

    name: str
    about: str
    detail: Mapping[str, object]
    at: datetime


class NodeReport(msgspec.Struct, frozen=True):
    """One node.

    fps      frames done in a second, on average since the start
    busy     share of the time that its stage was at work, over all its threads; None for a sink
    ms       milliseconds of the stage for each frame; None for a sink
    ledger   by stream
    latency  of a sink; None for a stage
    hangs    calls of its stage that took longer than `hang_s`
    hung     one of them has not come back
    batches, frames, busy_s  of a stage: calls, frames in them, and seconds inside it
    times    of a sink: its latencies
    counts   of a sink: what it counts itself
    """

    fps: float
    total: Balance
    ledger: Mapping[str, Balance]
    depth: int = 0
    busy: float | None = None
    ms: float | None = None
    latency: Latencies | None = None
    hangs: int = 0
    hung: bool = False
    batches: int = 0
    frames: int = 0
    busy_s: float = 0.0
    times: Histogram | None = None
    counts: Mapping[str, float] = {}


class StreamReport(msgspec.Struct, frozen=True):
    """One stream's capture.

    connected  whether frames are coming; of a run that is over, whether they were when its end was
               asked for
    counts     packets, decoded, spared, corrupt, ...
    outages    how often it went away, and for how many seconds in all
    every      only each such frame is worked on, under overload
    """

    connected: bool
    captured: int
    fps: float
    counts: Mapping[str, int]
    outages: int
    downtime_s: float
    every: int
    failed: str | None = None


class Report(msgspec.Struct, frozen=True):
    """A run, up to now.

    balanced         whether the ledger's sums hold at every node
    first_result_s   from the start of the process to the first result out of a sink, or None
    not_ready        what is still waited for, as /readyz tells it
    missed           events that sinks, or the event log, were not told of
    recent           the last events, the newest last
    rss_mb, threads, processes  now: memory as for the peak, threads of this process, and processes,
                     this one and its children
    peak_rss_mb      in 10^6 bytes: the largest resident memory of this process so far, and the
                     largest of all its children (isolated stages, an embedded Redis) together, as
                     seen once a second; memory that several share counts for each
    cpu_s            processor seconds of this process and of its children, as far as they had been
                     seen or have ended
    over             it is the last word; if not, more was to come: what a process that was killed
                     has left says so
    """

    seconds: float
    balanced: bool
    streams: Mapping[str, StreamReport]
    nodes: Mapping[str, NodeReport]
    events: Mapping[str, int]
    first_result_s: float | None
    peak_rss_mb: float
    cpu_s: float
    versions: Mapping[str, str]
    failure: str | None = None
    rss_mb: float = 0.0
    threads: int = 0
    processes: int = 1
    missed: int = 0
    recent: Sequence[EventReport] = ()
    not_ready: Mapping[str, str] = {}
    over: bool = True


def report(pipeline: "Pipeline", began: float, *, over: bool = True) -> Report:
    """The run so far; `began` is the monotonic second at which it began."""
    seconds = max(time.monotonic() - began, 1e-9)
    ledger = pipeline.parts.graph.ledger()
    nodes = {
        name: _node(pipeline, name, ledger[name], seconds) for name in pipeline.parts.graph.nodes
    }
    return Report(
        seconds=round(seconds, 3),
        balanced=all(b.balanced for balances in ledger.values() for b in balances.values()),
        streams={name: _stream(pipeline, name, ledger["capture"], seconds)
                 for name in pipeline.captures},
        nodes=nodes,
        events=dict(pipeline.bulletin.counts),
        first_result_s=None if pipeline.first is None else round(since_start(pipeline.first), 3),
        peak_rss_mb=round(pipeline.usage.peak_rss / 1e6, 1),
        cpu_s=round(pipeline.usage.cpu, 3),
        versions=versions(),
        failure=pipeline.failure and pipeline.config.secrets.mask(pipeline.failure),
        over=over,
        rss_mb=round(pipeline.usage.rss / 1e6, 1),
        threads=threading.active_count(),
        processes=1 + pipeline.usage.children,
        not_ready=pipeline.not_ready(),
        missed=pipeline.bulletin.missed + (pipeline.event_log.lost if pipeline.event_log else 0),
        recent=[EventReport(e.name, e.about, e.detail, e.at)
                for e in list(pipeline.bulletin.recent)[-RECENT:]],
    )  # fmt: skip


def write(path: Path, made: Report) -> None:
    """Write a report as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    part.replace(path)


def since_start(moment: float) -> float:
    """Seconds from the start of this process to a monotonic moment."""
    return moment - _BEGAN


@cache
def versions() -> Mapping[str, str]:
    """What took part, by name."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _node(
    pipeline: "Pipeline", name: str, ledger: Mapping[str, Balance], seconds: float
) -> NodeReport:
    total = Balance.total(ledger.values())
    depth = pipeline.parts.graph.nodes[name].depth
    fps = round(total.done / seconds, 2)
    if (worker := pipeline.workers.get(name)) is not None:
        effort = worker.effort
        return NodeReport(
            fps, total, ledger, depth,
            busy=round(effort.busy / seconds, 3),
            ms=round(1000 * effort.busy / max(effort.frames, 1), 3),
            hangs=worker.hangs, hung=worker.hung,
            batches=effort.batches, frames=effort.frames, busy_s=round(effort.busy, 6),
        )  # fmt: skip
    sink = pipeline.sink_workers[name]
    shares = [round(1000 * share, 3) for share in sink.latency.percentiles(*SHARES)]
    within, total_s = sink.latency.histogram()
    return NodeReport(
        fps, total, ledger, depth,
        latency=Latencies(sink.latency.count, *shares),
        times=Histogram(within, round(total_s, 6)), counts=sink.counts(),
    )  # fmt: skip


def _stream(
    pipeline: "Pipeline", name: str, captured: Mapping[str, Balance], seconds: float
) -> StreamReport:
    capture = pipeline.captures[name]
    return StreamReport(
        connected=capture.connected,
        captured=captured[name].done,
        fps=round(captured[name].done / seconds, 2),
        counts=dict(capture.source.stats.counts),
        outages=capture.outages,
        downtime_s=round(capture.downtime, 3),
        every=pipeline.parts.governor.level(name).every,
        failed=capture.failed,
    )
