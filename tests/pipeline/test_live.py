"""A live camera that goes away and comes back, as a subscriber sees it."""

import json
import threading
from pathlib import Path

from pipeline.pipeline import Pipeline
from tests.pipeline.running import run, total
from tests.servers.process import ServerProcess


async def test_a_camera_that_dies_and_comes_back_is_told_and_harms_nobody(tmp_path: Path) -> None:
    with ServerProcess("tests.servers.rtsp") as mortal, ServerProcess("tests.servers.rtsp") as well:

        def kill_and_revive(pipeline: Pipeline) -> None:
            wait = threading.Event().wait
            capture = pipeline.captures["mortal"]
            while not total(pipeline, "count").done:
                wait(0.01)
            while not capture.source.stats.counts["decoded"]:
                wait(0.01)
            mortal.kill()
            while not capture.outages:
                wait(0.01)
            mortal.start()
            while not pipeline.bulletin.counts["source.back"]:
                wait(0.01)
            pipeline.fail("enough")

        pipeline = await run(
            tmp_path,
            f"""
            streams:
              mortal: {{ source: "{mortal.urls["card"]}", stall_s: 2 }}
              well: {{ source: "{well.urls["card"]}" }}
            graph: {{ count: {{ stage: "{{stages}}:Count" }} }}
            sinks:
              redis: {{ sink: redis, from: count }}
              file: {{ sink: jsonl, path: out.jsonl, from: count }}
            """,
            seconds=60,
            meanwhile=kill_and_revive,
        )
    assert pipeline.failure == "enough"
    assert pipeline.captures["mortal"].outages == 1
    assert 0 < pipeline.captures["mortal"].downtime < 10
    assert pipeline.captures["well"].outages == 0
    told = [event for event in pipeline.bulletin.recent if event.about == "mortal"]
    assert [event.name for event in told[:2]] == ["source.lost", "source.back"]
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    for stream in ("mortal", "well"):
        pts = [one["pts"] for one in written if one.get("stream") == stream]
        assert pts == sorted(pts)
        assert len(pts) > 1
