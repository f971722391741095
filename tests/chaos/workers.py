"""The process of a stage is killed every five seconds."""

import asyncio
import os
import signal
from pathlib import Path

import psutil

from pipeline.isolation import IsolatedStage
from pipeline.pipeline import Pipeline
from tests.chaos.fault import Finding, shared_memory, until
from tests.chaos.house import names, running, seen, total

EVERY_S = 5.0
RECOVERY_S = 2.0

CONFIG = """
streams: { a: { source: testcard, size: 640x480 }, b: { source: testcard, size: 640x480 } }
graph: { grey: { stage: "{stages}:MeanGrey", isolation: process, policy: drop_oldest } }
sinks: { file: { sink: jsonl, from: grey } }
"""


async def killed(minutes: float, folder: Path, found: Finding) -> None:
    """Kill it while it works, with SIGKILL."""
    shared = shared_memory()
    us = psutil.Process()
    before = {child.pid for child in us.children(recursive=True)}
    recoveries: list[float] = []
    async with running(folder, CONFIG, found) as pipeline:
        await until(lambda: total(pipeline, "grey").done > 0, "a first result")
        for n in range(max(1, round(minutes * 60 / EVERY_S))):
            stage = pipeline.parts.stages["grey"]
            assert isinstance(stage, IsolatedStage)
            os.kill(stage.pid, signal.SIGKILL)
            lost = await until(lambda: seen(pipeline, "worker.lost") > n, "worker.lost")  # noqa: B023
            recoveries.append(lost + await _next_result(pipeline))
            await asyncio.sleep(max(0.0, EVERY_S - recoveries[-1]))
    kills = len(recoveries)
    grey, events = total(pipeline, "grey"), names(pipeline, "grey")
    left = {child.pid for child in us.children(recursive=True)} - before
    found.say(
        f"{kills} kills, {grey.failed.get('worker lost', 0)} of {grey.entered} frames failed, "
        f"next result after at most {max(recoveries):.2f} s"
    )
    found.want(grey.failed == {"worker lost": kills}, f"a frame failed for each, got {grey.failed}")
    found.want(
        events == ["worker.lost", "worker.back"] * kills, f"two events for each, got {events}"
    )
    found.want_soon(max(recoveries) <= RECOVERY_S, f"back within {RECOVERY_S} s, got {recoveries}")
    found.want(not left, f"no process left, got {left}")
    found.want(shared_memory() <= shared, f"nothing in /dev/shm, got {shared_memory() - shared}")


async def _next_result(pipeline: Pipeline) -> float:
    done = total(pipeline, "grey").done
    return await until(lambda: total(pipeline, "grey").done > done, "a result of the new process")
