"""The way of single frames, as OpenTelemetry has it."""

import gzip
import queue
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.config import load_config
from pipeline.pipeline import Pipeline
from pipeline.traces import Traces
from tests.pipeline import stages

export = pytest.importorskip(
    "opentelemetry.sdk.trace.export", reason="wants opentelemetry-sdk, of framewire[otel]"
)
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")

CONFIG = f"""
custom_stages: [., "{stages.__file__}"]
streams: {{ a: {{ source: "PICTURES", pace: fast }} }}
graph:
  count: {{ stage: "{stages.__file__}:Count" }}
  fails: {{ stage: "{stages.__file__}:Fail", nth: 3 }}
  whole: {{ stage: "{stages.__file__}:Whole", every: 2 }}
  both: {{ stage: "{stages.__file__}:Count", from: [count, fails] }}
sinks:
  "null": {{ sink: "null", from: [both, whole] }}
http: {{ listen: null }}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config that runs over six pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        cv2.imwrite(str(folder / f"{number}.png"), np.zeros((48, 64, 3), np.uint8))
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.replace("PICTURES", str(folder)))
    return path


async def traced(config: Path, sample: float) -> list[Any]:
    """Run a config to its end; the spans."""
    exporter = memory.InMemorySpanExporter()
    traces = Traces(export.SimpleSpanProcessor(exporter), sample, "test", ["null"])
    async with Pipeline(load_config(config), traces) as pipeline:
        await pipeline.run()
    return list(exporter.get_finished_spans())


async def test_a_frame_is_a_trace_with_a_span_for_each_wait_and_each_work(config: Path) -> None:
    by_frame: dict[int, list[Any]] = defaultdict(list)
    for span in await traced(config, 1.0):
        by_frame[span.context.trace_id].append(span)
    assert len(by_frame) == 6
    for spans in by_frame.values():
        (root,) = (span for span in spans if span.name == "capture")
        seq = root.attributes["framewire.seq"]
        assert root.attributes["framewire.stream"] == "a"
        assert all(span.parent.span_id == root.context.span_id for span in spans if span != root)
        names = sorted(span.name for span in spans)
        wanted = ["both run", "both wait", "capture", "count run", "count wait", "fails run"]
        wanted += ["fails wait", "whole wait", "null wait", "null write"]
        if seq % 2 == 0:  # `every: 2` lets the others go; the sink hears both nodes of these
            wanted += ["whole run", "null wait", "null write"]
        else:
            wanted += ["null wait"]
        assert names == sorted(wanted)
        assert all(span.start_time <= span.end_time for span in spans)


async def test_a_span_says_what_became_of_the_frame(config: Path) -> None:
    spans = await traced(config, 1.0)
    failed = {s.attributes["framewire.seq"] for s in spans if "framewire.failed" in s.attributes}
    assert failed == {0, 3}
    dropped = {
        (span.name, span.attributes["framewire.seq"], span.attributes["framewire.dropped"])
        for span in spans
        if "framewire.dropped" in span.attributes
    }
    assert {(name, seq) for name, seq, reason in dropped if reason == "every"} == {
        ("whole wait", 1), ("whole wait", 3), ("whole wait", 5),
    }  # fmt: skip


async def test_a_node_waits_and_then_runs(config: Path) -> None:
    spans = await traced(config, 1.0)
    ends = {(s.name, s.attributes["framewire.seq"]): s.end_time for s in spans}
    starts = {(s.name, s.attributes["framewire.seq"]): s.start_time for s in spans}
    for seq in range(6):
        assert starts["capture", seq] <= starts["count wait", seq]
        assert ends["count wait", seq] == starts["count run", seq]
        assert ends["count run", seq] <= ends["both wait", seq] == starts["both run", seq]


async def test_only_so_many_frames_are_traced(config: Path) -> None:
    assert await traced(config, 1e-9) == []


def add(config: Path, line: str) -> None:
    """Put another line into a config."""
    config.write_text(f"{config.read_text()}{line}\n")


@contextmanager
def collector() -> Iterator[tuple[str, "queue.SimpleQueue[bytes]"]]:
    """An OpenTelemetry collector's door: its address, and what was brought to it."""
    brought: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            brought.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", brought
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_spans_reach_a_collector_over_otlp(config: Path) -> None:
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    with collector() as (address, brought):
        add(config, f"traces: {{ endpoint: {address}, sample: 1, service: shop }}")
        async with Pipeline(load_config(config)) as pipeline:
            await pipeline.run()
        body = brought.get(timeout=10)
    body = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    (resource,) = service.ExportTraceServiceRequest.FromString(body).resource_spans
    names = {span.name for scope in resource.scope_spans for span in scope.spans}
    assert {"capture", "count run", "null write"} <= names
    about = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert about["service.name"] == "shop"


async def test_a_collector_that_is_away_holds_up_nobody(config: Path) -> None:
    add(config, "traces: { endpoint: 'http://127.0.0.1:9/', sample: 1 }")
    async with Pipeline(load_config(config)) as pipeline:
        await pipeline.run()
    assert pipeline.parts.graph.nodes["both"].balances()["a"].done == 6
