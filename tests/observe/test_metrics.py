"""What Prometheus scrapes, and that the dashboard asks for nothing else."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.config import load_config
from pipeline.gate import Gate
from pipeline.latency import BUCKETS, Latency
from pipeline.ledger import Balance
from pipeline.link import Lane, Link
from pipeline.metrics import registry
from pipeline.node import Node
from pipeline.pipeline import Pipeline
from pipeline.report import NodeReport, Report, report
from pipeline.sink_worker import SinkWorker
from sinks.null import NullSink
from sinks.sink import SinkContext
from stages.stage import Options, unheard
from tests.pipeline.running import STAGES

ROOT = Path(__file__).parents[2]
BOARD = ROOT / "docs" / "grafana" / "framewire.json"
BY_PROMETHEUS = {"instance", "job"}
"""Labels that Prometheus adds by itself."""

Labels = Mapping[str, set[str]]


def names_and_labels(made: CollectorRegistry) -> dict[str, set[str]]:
    """By the name of a sample: the labels that it was seen with; families without a sample, too."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(generate_latest(made).decode()):
        total = f"{family.name}_total" if family.type == "counter" else family.name
        found.setdefault(total, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Labels:
    """What a real run has told, with a source that is lost and every sink."""
    folder = tmp_path_factory.mktemp("scraped")
    (folder / "config.yaml").write_text(f"""
custom_stages: [., "{STAGES}"]
streams:
  a: {{ source: testcard, size: 320x240, pace: fast, loop: false }}
  gone: {{ source: "rtsp://127.0.0.1:9/none" }}
graph:
  count: {{ stage: "{STAGES}:Count" }}
sinks:
  page: {{ sink: mjpeg, from: count }}
  view: {{ sink: webrtc, from: count }}
  lines: {{ sink: jsonl, from: count, path: out.jsonl }}
  film: {{ sink: mp4, from: count }}
  tape: {{ sink: record, from: capture }}
  on: {{ sink: restream, to: hls, from: capture }}
  bus: {{ sink: redis, from: count }}
  hook: {{ sink: webhook, url: "http://127.0.0.1:9/", from: count }}
  "null": {{ sink: "null", from: count }}
""")

    async def look() -> Labels:
        async with Pipeline(load_config(folder / "config.yaml")) as pipeline:
            made = registry(lambda: report(pipeline, 0.0))
            await pipeline.run(1.0)
            return names_and_labels(made)

    return asyncio.run(look())


def queries() -> Sequence[str]:
    """All queries of the dashboard."""
    panels = json.loads(BOARD.read_text("utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def selectors(query: str) -> list[tuple[str, set[str]]]:
    """The metrics in a query, and the labels by which it picks among their series."""
    found = re.findall(r"\b((?:framewire|process|python)_[a-z_]+)(?:\{([^}]*)\})?", query)
    return [(name, set(re.findall(r"(\w+)=~?\"", inside))) for name, inside in found]


@pytest.mark.parametrize("query", queries())
def test_each_query_of_the_dashboard_asks_for_a_metric_that_is_there(
    query: str, scraped: Labels
) -> None:
    asked = selectors(query)
    assert asked
    groups = re.findall(r"by \(([^)]*)\)", query)
    by = {label.strip() for group in groups for label in group.split(",")}
    for name, labels in asked:
        assert name in scraped
        assert (labels | by) - BY_PROMETHEUS <= scraped[name], name


def test_the_dashboard_is_one_that_grafana_takes(scraped: Labels) -> None:
    board = json.loads(BOARD.read_text("utf-8"))
    assert board["uid"] == board["title"] == "framewire"
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in board["panels"])
    asked = board["templating"]["list"][1]["query"]
    assert asked == "label_values(framewire_build_info, instance)"
    assert "framewire_build_info" in scraped


def test_names_are_as_prometheus_wants_them(scraped: Labels) -> None:
    for name in scraped:
        assert re.fullmatch(r"(framewire|process|python)_[a-z0-9_]+", name)
        assert not re.search(r"_(ms|milliseconds|mb|megabytes|percent)(_|$)", name), name


def test_what_it_costs_and_what_sinks_count_is_there(scraped: Labels) -> None:
    assert {
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "framewire_cpu_seconds_total",
        "framewire_resident_memory_bytes",
        "framewire_sink_viewers",
        "framewire_sink_sent_bytes_total",
        "framewire_sink_written_bytes_total",
        "framewire_sink_written_frames_total",
        "framewire_sink_sent_messages_total",
        "framewire_sink_recording",
        "framewire_sink_receivers",
        "framewire_latency_seconds_bucket",
        "framewire_events_missed_total",
    } <= scraped.keys()
    assert scraped["framewire_events_total"] == {"event"}


class Boasts(NullSink):
    """Counts what is no metric, and in the end nothing at all."""

    broken = False

    def counts(self) -> Mapping[str, float]:
        if self.broken:
            raise ZeroDivisionError
        return {"viewers": 2, "Größe in MB": 1.5, "": 0, "share": float("nan")}


async def test_a_sink_that_counts_badly_costs_only_its_own_counts() -> None:
    node = Node("boasts", {"a": ("capture",)}, Link({"a": Lane("block", 1, Gate())}))
    sink = Boasts(Options(), SinkContext("boasts", ("a",)))
    worker = SinkWorker(node, sink, lambda: None, unheard)
    report = NodeReport(0.0, Balance.total(()), {}, counts=worker.counts())
    made = registry(lambda: Report(1.0, True, {}, {"boasts": report}, {}, None, 0.0, 0.0, {}))
    told = generate_latest(made).decode()
    assert 'framewire_sink_viewers{sink="boasts"} 2.0' in told
    assert "MB" not in told
    assert "share" not in told
    sink.broken = True
    assert worker.counts() == {}


def test_a_histogram_counts_all_that_were_as_fast() -> None:
    latency = Latency()
    for seconds in (0.001, 0.005, 0.04, 99.0):
        latency.add(seconds)
    within, total = latency.histogram()
    assert dict(zip((*BUCKETS, "all"), within, strict=True)) == {
        bound: 2 if bound < 0.04 else 3 for bound in BUCKETS
    } | {"all": 4}
    assert total == pytest.approx(99.046)


def test_the_page_for_operators_names_metrics_that_are_there(scraped: Labels) -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    named = set(re.findall(r"\b(?:framewire|python)_[a-z_]*[a-z]\b(?![*_])", page))
    families = scraped.keys() | {"framewire_sink", "framewire_latency_seconds"}
    assert len(named) > 20
    assert named <= families


def test_the_alarms_on_that_page_can_be_read_and_ask_for_what_is_there(scraped: Labels) -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    (alarms,) = (block for block in blocks if isinstance(block, list))
    for alarm in alarms:
        for name, labels in selectors(alarm["expr"]):
            assert labels <= scraped[name]


def test_an_event_that_has_not_happened_is_counted_as_none() -> None:
    made = registry(lambda: Report(1.0, True, {}, {}, {"source.lost": 2}, None, 0.0, 0.0, {}))
    told = generate_latest(made).decode()
    assert 'framewire_events_total{event="source.lost"} 2.0' in told
    assert 'framewire_events_total{event="stage.removed"} 0.0' in told
