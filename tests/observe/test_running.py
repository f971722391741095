"""`framewire run` and `framewire top`, as somebody who looks after an instance meets them."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.pipeline.test_run import LIMIT, ROOT, framewire, wait_for

STAGES = Path(__file__).parents[1] / "pipeline" / "stages.py"

CONFIG = f"""
custom_stages: [., "{STAGES}"]
streams: {{ a: {{ source: testcard, size: 320x240 }} }}
graph: {{ count: {{ stage: "{STAGES}:Count" }} }}
sinks:
  page: {{ sink: mjpeg, from: count }}
  away: {{ sink: restream, to: "rtmp://127.0.0.1:1/{{stream}}", from: capture }}
events: {{ path: events.jsonl }}
"""


def test_an_instance_says_how_it_is_while_it_runs_and_leaves_its_events(tmp_path: Path) -> None:
    with framewire(tmp_path, config=CONFIG) as process:
        address = wait_for(process, r"http://127\.0\.0\.1:\d+").group()
        with httpx.Client(base_url=address, timeout=LIMIT) as client:
            while client.get("/readyz").status_code == 503:
                pass
            assert client.get("/livez").text == "ok"
            metrics = client.get("/metrics").text
            status = client.get("/api/status").json()
        shown = subprocess.run(
            [sys.executable, "-m", "pipeline", "top", address, "--once"],
            cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=True,
        )  # fmt: skip
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT)
        assert process.returncode == 0
    assert 'framewire_stream_up{stream="a"} 1.0' in metrics
    assert 'framewire_sink_viewers{sink="page"} 0.0' in metrics
    assert 'framewire_sink_receivers{sink="away"} 0.0' in metrics
    assert status["not_ready"] == {}
    assert [event["name"] for event in status["recent"]] == ["run.started"]
    assert re.search(r"● a +\d+\.\d +\d+", shown.stdout)
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines] == ["run.started", "run.stopping"]
    assert lines[1]["detail"] == {"why": "asked"}
