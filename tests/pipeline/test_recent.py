"""Sinks that show what slow nodes said without waiting for it."""

import os
import threading
from pathlib import Path

import pytest

from pipeline.assembly import rules
from pipeline.config import load_config
from pipeline.isolation import IsolatedStage
from pipeline.newest import Newest
from pipeline.pipeline import Pipeline
from pipeline.tuning import step_back
from stages.frame import Frame
from tests.factory import detections, grey_frame
from tests.pipeline.running import run, total

SHOWN = threading.Event()


def said(frame: Frame, node: str = "slow") -> Frame:
    frame.say(node, detections())
    return frame


def test_the_newest_result_of_the_same_stream_is_shown_with_its_age() -> None:
    newest = Newest(["slow"])
    for seq in (0, 25):
        newest.hear("slow", said(grey_frame(seq)))
    (recent,) = newest.about(grey_frame(50)).values()
    assert recent.age == pytest.approx(1.0)
    assert newest.about(grey_frame(50, "another")) == {}


def test_a_result_about_a_later_frame_is_not_shown_on_an_earlier_one() -> None:
    newest = Newest(["slow"])
    newest.hear("slow", said(grey_frame(30)))
    assert newest.about(grey_frame(29)) == {}


async def test_a_sink_waits_for_no_recent_node(tmp_path: Path) -> None:
    # `held` looks at nothing until the sink has had five frames: it would wait for ever otherwise.
    stages = tmp_path / "held.py"
    stages.write_text(
        "import threading\n"
        "from stages import Stage\n"
        "from tests.factory import detections\n"
        "import tests.pipeline.test_recent as test\n"
        "class Held(Stage):\n"
        "    def run(self, frames):\n"
        "        test.SHOWN.wait(10)\n"
        "        return [detections() for _ in frames]\n"
        "class Counts(Stage):\n"
        "    def run(self, frames):\n"
        "        for frame in frames:\n"
        "            if frame.seq == 5: test.SHOWN.set()\n"
        "        return [detections() for _ in frames]\n"
    )
    SHOWN.clear()
    pipeline = await run(tmp_path, """
        streams: { a: { source: testcard, size: 128x64, pace: fast, fps: 25 } }
        graph:
          held: { stage: "./held.py:Held", policy: latest }
          fast: { stage: "./held.py:Counts", policy: block }
        sinks:
          video:
            { sink: mp4, path: "{stream}.mp4", from: [capture, fast], recent: held, policy: block }
    """, seconds=2)  # fmt: skip
    assert SHOWN.is_set()
    assert total(pipeline, "video").done > 5
    assert total(pipeline, "held").done


def test_a_thread_steps_back_alone_and_those_that_it_starts_with_it() -> None:
    seen: list[int] = []

    def look() -> None:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    def start() -> None:
        step_back(7)
        look()
        child = threading.Thread(target=look)
        child.start()
        child.join()

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    parent = threading.Thread(target=start)
    parent.start()
    parent.join()
    look()
    assert seen == [7, 7, before]


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="wanted Linux")
@pytest.mark.parametrize(("nice", "policy"), [(7, "SCHED_OTHER"), (19, "SCHED_IDLE")])
def test_the_nicest_thread_has_the_cores_when_nobody_else_wants_them(
    nice: int, policy: str
) -> None:
    seen: list[int] = []

    def look() -> None:
        step_back(nice)
        seen.append(os.sched_getscheduler(threading.get_native_id()))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [getattr(os, policy)]


def niceness(pid: int) -> set[int]:
    """Of all threads of a process."""
    threads = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
    return {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads}


async def test_a_process_steps_back_and_the_thread_before_it_does_not(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "streams: { a: { source: testcard, size: 128x64, pace: fast } }\n"
        "graph: { faces: "
        "{ stage: detect, model: blazeface-short, isolation: process, nice: 7 } }\n"
        "sinks: { out: { sink: 'null', from: faces } }\n"
    )
    async with Pipeline(load_config(tmp_path / "config.yaml")) as pipeline:
        stage = pipeline.parts.stages["faces"]
        assert isinstance(stage, IsolatedStage)
        assert niceness(stage.pid) == {7}
        assert rules(pipeline.config.graph["faces"]).nice == 0
