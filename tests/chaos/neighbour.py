"""A neighbour takes all cores for a while."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from pipeline.pipeline import Pipeline
from tests.chaos.fault import Finding, until
from tests.chaos.house import names, running, seen, total

EACH = 12  # hungry processes for each core, so that ours gets a small share of one
HUNGRY = "while True: pass"

CONFIG = """
streams:
  low: {{ source: testcard, size: 160x120, priority: 0 }}
  high: {{ source: testcard, size: 160x120, priority: 1 }}
graph: {{ burn: {{ stage: "{stage}:Burn", policy: drop_oldest, queue: 4 }} }}
sinks: {{ file: {{ sink: jsonl, from: burn }} }}
"""


async def hungry(times: float, folder: Path, found: Finding) -> None:
    """Let it eat until a stream has given way, and be gone until it has come back."""
    text = CONFIG.format(stage=Path(__file__).with_name("stages.py"))
    async with running(folder, text, found) as pipeline:
        await until(lambda: total(pipeline, "burn").done > 50, "results")
        for n in range(round(times)):
            eaters = await asyncio.to_thread(_start, EACH * (os.cpu_count() or 1))
            try:
                way = await until(lambda: seen(pipeline, "stream.degraded") > n, "stream.degraded")  # noqa: B023
            finally:
                await asyncio.to_thread(_end, eaters)
            back = await until(lambda: not _degraded(pipeline), "a whole rate", 180)
            found.say(f"gave way after {way:.1f} s, whole again {back:.1f} s after it was over")
        done = total(pipeline, "burn").done
        await until(lambda: total(pipeline, "burn").done > done + 50, "results afterwards")
    burn = total(pipeline, "burn")
    found.say(f"{burn.done} of {burn.entered} frames done, {sum(burn.dropped.values())} dropped")
    found.want(not burn.failed, f"no frame failed, got {burn.failed}")
    found.want(not names(pipeline, "high"), f"high untouched, got {names(pipeline, 'high')}")


def _degraded(pipeline: Pipeline) -> bool:
    return pipeline.parts.governor.level("low").every > 1


def _start(count: int) -> list["subprocess.Popen[bytes]"]:
    return [subprocess.Popen([sys.executable, "-S", "-c", HUNGRY]) for _ in range(count)]


def _end(eaters: list["subprocess.Popen[bytes]"]) -> None:
    for eater in eaters:
        eater.kill()
    for eater in eaters:
        eater.wait()
