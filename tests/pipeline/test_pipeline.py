"""Whole pipelines, from a real source through real threads and processes to real sinks."""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.isolation import IsolatedStage, StageFailed
from pipeline.pipeline import Pipeline
from pipeline.report import report
from pipeline.usage import Usage
from sinks.errors import BadSink
from tests.pipeline.running import Footprint, run, total

CARD = "{ source: testcard, size: 320x240, pace: fast, loop: false }"


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of 30 small pictures: a source that ends by itself and can wait."""
    import cv2
    import numpy as np

    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(30):
        picture = np.full((48, 64, 3), number * 8, np.uint8)
        cv2.imwrite(str(folder / f"{number:02}.png"), picture)
    return folder


async def test_what_can_wait_loses_nothing(tmp_path: Path, pictures: Path) -> None:
    pipeline = await run(
        tmp_path,
        f"""
        streams: {{ a: "{pictures}", b: "{pictures}" }}
        graph:
          count: {{ stage: "{{stages}}:Count", batch: {{ max: 4, wait_ms: 1 }} }}
          grey: {{ stage: "{{stages}}:MeanGrey", from: count, when: count.count > 0, streams: [a] }}
        sinks:
          file: {{ sink: jsonl, path: out.jsonl, from: [count, grey] }}
        """,
    )
    assert total(pipeline, "count").done == 60
    assert total(pipeline, "grey").done == 15
    assert total(pipeline, "grey").dropped == {"when": 15}
    written = lines(tmp_path / "out.jsonl")
    assert len(written) == 75
    for stream, node in (("a", "count"), ("b", "count"), ("a", "grey")):
        seqs = [w["seq"] for w in written if (w["stream"], w["node"]) == (stream, node)]
        assert seqs == sorted(seqs), "results of one node and stream come in order"
    greys = {w["seq"]: w["data"]["scores"][0] for w in written if w["node"] == "grey"}
    assert greys == pytest.approx({seq: seq * 8 / 255 for seq in range(1, 30, 2)}, abs=0.01)
    assert pipeline.failure is None


async def test_a_join_shows_each_frame_once_with_all_that_was_said(
    tmp_path: Path, pictures: Path
) -> None:
    pipeline = await run(
        tmp_path,
        f"""
        streams: {{ a: "{pictures}" }}
        graph:
          silent: {{ stage: "{{stages}}:Silent" }}
          grey: {{ stage: "{{stages}}:MeanGrey", isolation: process }}
          both: {{ stage: "{{stages}}:Count", from: [silent, grey, capture] }}
          some: {{ stage: "{{stages}}:Count", from: silent }}
        sinks: {{ out: {{ sink: "null", from: [both, some] }} }}
        """,
    )
    assert total(pipeline, "both").done == 30
    assert total(pipeline, "some").done == 10
    assert total(pipeline, "some").dropped == {"upstream": 20}
    assert total(pipeline, "out").done == 40


async def test_an_error_costs_its_frame_and_a_stage_that_always_fails_is_taken_out(
    tmp_path: Path, pictures: Path
) -> None:
    pipeline = await run(
        tmp_path,
        f"""
        streams: {{ a: "{pictures}" }}
        graph:
          some: {{ stage: "{{stages}}:Fail", nth: 2 }}
          all: {{ stage: "{{stages}}:Fail", errors_max: 3 }}
        sinks: {{ out: {{ sink: "null", from: [some, all, capture] }} }}
        """,
    )
    assert total(pipeline, "some").failed == {"ZeroDivisionError": 15}
    assert total(pipeline, "all").failed == {"ZeroDivisionError": 3}
    assert total(pipeline, "all").dropped == {"removed": 27}
    assert total(pipeline, "out").done == 15 + 30  # those of `some`, and capture's own
    assert pipeline.bulletin.counts["stage.removed"] == 1
    assert pipeline.failure is None


async def test_the_report_counts_what_child_processes_cost(tmp_path: Path, pictures: Path) -> None:
    pipeline = await run(
        tmp_path,
        f"""
        streams: {{ a: "{pictures}" }}
        graph: {{ grey: {{ stage: "{{stages}}:MeanGrey", isolation: process }} }}
        sinks: {{ out: {{ sink: "null", from: grey }} }}
        """,
    )
    made = report(pipeline, time.monotonic())
    alone = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    assert made.peak_rss_mb > alone + 20, "a process that has imported NumPy holds more than that"


def test_the_processor_time_of_a_child_counts_while_it_lives() -> None:
    work = "import time\nwhile time.process_time() < 0.5: pass\nprint(); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", work],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with child:
        assert child.stdout is not None
        before = sum(os.times()[:4])
        child.stdout.readline()
        usage = Usage()
        usage.look()
        assert usage.cpu - before >= 0.5
        child.communicate(b"\n")


async def test_a_relative_source_starts_at_the_folder_of_the_config(
    tmp_path: Path, pictures: Path
) -> None:
    text = f"""
        streams: {{ a: "./{pictures.name}" }}
        sinks: {{ out: {{ sink: "null", from: capture }} }}
        """
    assert total(await run(tmp_path, text), "out").done == 30


async def test_on_error_stop_ends_the_run_as_a_failure(tmp_path: Path) -> None:
    pipeline = await run(
        tmp_path,
        f"""
        streams: {{ a: {CARD} }}
        graph: {{ bad: {{ stage: "{{stages}}:Fail", errors_max: 2, on_error: stop }} }}
        sinks: {{ out: {{ sink: "null", from: bad }} }}
        """,
        seconds=30,
    )
    assert pipeline.failure is not None
    assert "bad failed 2 times in a row" in pipeline.failure


async def test_a_stage_that_hangs_costs_its_frame_and_not_the_end(tmp_path: Path) -> None:
    began = time.monotonic()
    pipeline = await run(
        tmp_path,
        f"""
        streams: {{ a: {CARD} }}
        graph:
          hangs: {{ stage: "{{stages}}:Hang", policy: drop_oldest }}
          count: {{ stage: "{{stages}}:Count", policy: drop_oldest }}
        sinks: {{ out: {{ sink: "null", from: [count, hangs] }} }}
        """,
        seconds=0.5,
    )
    assert time.monotonic() - began < 0.5 + 5 + 2
    assert total(pipeline, "hangs").failed == {"abandoned": 1}
    assert total(pipeline, "count").done > 0
    assert pipeline.failure is not None
    assert "hangs: its stage does not come back; hangs: frames abandoned: 1" in pipeline.failure
    assert "count" not in pipeline.failure
    for thread in threading.enumerate():
        if thread.name.startswith("hangs"):
            thread.join()


async def test_the_time_is_up_too_when_the_source_has_ended_and_a_stage_hangs(
    tmp_path: Path,
) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((48, 64, 3), np.uint8))
    began = time.monotonic()
    pipeline = await run(
        tmp_path,
        """
        streams: { a: { source: "." } }
        graph: { hangs: { stage: "{stages}:Hang" } }
        sinks: { out: { sink: "null", from: hangs } }
        """,
        seconds=0.5,
    )
    assert time.monotonic() - began < 0.5 + 5 + 2
    assert total(pipeline, "hangs").failed == {"abandoned": 1}
    for thread in threading.enumerate():
        if thread.name.startswith("hangs"):
            thread.join()


async def test_a_worker_process_killed_from_outside_comes_back(tmp_path: Path) -> None:
    back = threading.Event()

    def kill(pipeline: Pipeline) -> None:
        stage = pipeline.parts.stages["grey"]
        assert isinstance(stage, IsolatedStage)
        while total(pipeline, "grey").done < 5:
            back.wait(0.01)
        os.kill(stage.pid, signal.SIGKILL)
        lost_at = total(pipeline, "grey").done
        while total(pipeline, "grey").done < lost_at + 5:
            back.wait(0.01)
        pipeline.fail("enough")

    pipeline = await run(
        tmp_path,
        f"""
        streams: {{ a: {CARD} }}
        graph:
          grey: {{ stage: "{{stages}}:MeanGrey", isolation: process }}
        sinks: {{ out: {{ sink: "null", from: grey }} }}
        """,
        seconds=60,
        meanwhile=kill,
    )
    assert pipeline.failure == "enough"
    assert total(pipeline, "grey").failed == {"worker lost": 1}
    assert pipeline.bulletin.counts["worker.back"] == 1


async def test_a_stage_that_cannot_be_made_stops_the_start_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    before = Footprint()
    with pytest.raises(StageFailed, match="no such thing"):
        await run(
            tmp_path,
            f"""
            streams: {{ a: {CARD} }}
            graph:
              good: {{ stage: "{{stages}}:Count", isolation: process }}
              bad: {{ stage: "{{stages}}:Unmakeable", isolation: process }}
            sinks: {{ out: {{ sink: redis, from: [good, bad] }} }}
            """,
        )
    assert not Footprint().added_since(before).keys() - {"threads"}


async def test_a_sink_that_cannot_be_opened_leaves_nothing_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    before = Footprint()
    with pytest.raises(BadSink, match="folder"):
        await run(
            tmp_path,
            f"""
            streams: {{ a: {CARD} }}
            sinks:
              redis: {{ sink: redis, from: capture }}
              file: {{ sink: jsonl, path: folder, from: capture }}
            """,
        )
    assert not Footprint().added_since(before).keys() - {"threads"}


async def test_the_end_leaves_no_thread_process_socket_or_shared_memory(tmp_path: Path) -> None:
    before = Footprint()
    await run(
        tmp_path,
        f"""
        streams: {{ a: {CARD}, b: {CARD} }}
        graph:
          count: {{ stage: "{{stages}}:Count", parallel: 2 }}
          grey: {{ stage: "{{stages}}:MeanGrey", from: count, isolation: process }}
        sinks:
          redis: {{ sink: redis, from: [count, grey] }}
          video: {{ sink: mp4, path: "{{stream}}.mp4", from: [capture, grey] }}
        """,
        seconds=1,
    )
    left = Footprint().added_since(before)
    left["threads"] = {t for t in left.get("threads", set()) if not str(t).startswith("asyncio")}
    assert not any(left.values()), left


async def test_a_refused_file_is_a_failure_and_the_other_stream_is_unharmed(
    tmp_path: Path, pictures: Path
) -> None:
    (tmp_path / "no_video.mp4").write_bytes(b"this is no video" * 99)
    pipeline = await run(
        tmp_path,
        f"""
        streams: {{ good: "{pictures}", bad: "{tmp_path}/no_video.mp4" }}
        graph: {{ count: {{ stage: "{{stages}}:Count" }} }}
        sinks: {{ out: {{ sink: "null", from: count }} }}
        """,
    )
    assert total(pipeline, "out").done == 30
    assert pipeline.failure is not None
    assert "bad" in pipeline.failure


async def test_a_refused_file_is_a_failure_too_when_the_others_are_stopped(tmp_path: Path) -> None:
    (tmp_path / "no_video.mp4").write_bytes(b"this is no video" * 99)
    loop, refused = asyncio.get_running_loop(), threading.Event()

    def stop_after_refusal(pipeline: Pipeline) -> None:
        while not pipeline.bulletin.counts["source.refused"]:
            refused.wait(0.01)
        loop.call_soon_threadsafe(pipeline.stop)

    pipeline = await run(
        tmp_path,
        f"""
        streams: {{ good: {CARD}, bad: no_video.mp4 }}
        sinks: {{ out: {{ sink: "null", from: capture }} }}
        """,
        seconds=60,
        meanwhile=stop_after_refusal,
    )
    assert pipeline.failure is not None
    assert "bad" in pipeline.failure


async def test_late_answers_do_not_hold_a_frame_at_a_patient_join(tmp_path: Path) -> None:
    pipeline = await run(
        tmp_path,
        """
        streams: { a: { source: testcard, size: 320x240, fps: 50 } }
        graph:
          slow: { stage: "{stages}:Slow", policy: latest }
        sinks:
          video: { sink: mp4, path: "x.mp4", from: [capture, slow], join_ms: 40 }
        """,
        seconds=1.5,
    )
    video = total(pipeline, "video")
    assert video.done >= 0.8 * video.entered
    join = pipeline.parts.graph.nodes["video"].join
    assert join is not None
    assert join.late > 0


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_what_a_stage_announces_is_told_with_the_nodes_before_it(
    tmp_path: Path, pictures: Path, isolation: str
) -> None:
    pipeline = await run(tmp_path, f"""
        streams: {{ a: {{ source: {pictures} }} }}
        graph:
          first: {{ stage: "{{stages}}:Count" }}
          second: {{ stage: "{{stages}}:Announces", from: first, isolation: {isolation} }}
        sinks: {{ none: {{ sink: "null", from: second }} }}
    """)  # fmt: skip
    seen = [event.detail for event in pipeline.bulletin.recent if event.name == "seen"]
    assert seen == [{"seq": seq, "in": "first"} for seq in range(30)]
