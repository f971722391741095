"""Eight streams for a long time: what the process holds does not grow."""

import asyncio
import threading
from pathlib import Path
from statistics import fmean

import psutil

from tests.chaos.fault import Finding, until
from tests.chaos.house import running, seen, total
from tests.servers.process import ServerProcess

STREAMS = 8
GROWTH = 0.03  # of the memory, from the first to the last third of what comes after the settling
SETTLE = 0.25  # of the time: caches and queues fill

CONFIG = """
streams: {{ {streams} }}
graph:
  count: {{ stage: "{{stages}}:Count" }}
  grey: {{ stage: "{{stages}}:MeanGrey", from: count, fps: 5, isolation: process }}
sinks:
  file: {{ sink: jsonl, from: count }}
  redis: {{ sink: redis, url: embedded, from: [count, grey] }}
"""


async def flat(minutes: float, folder: Path, found: Finding) -> None:
    """Run them, and look once a second."""
    us, resident = psutil.Process(), []
    threads: list[int] = []
    descriptors: list[int] = []
    with ServerProcess("tests.servers.rtsp") as server:
        names = [f's{n}: {{ source: "{server.urls["card"]}" }}' for n in range(STREAMS)]
        text = CONFIG.format(streams=", ".join(names))
        async with running(folder, text, found) as pipeline:
            await until(lambda: total(pipeline, "redis").done > 0, "a first result")
            seconds = max(20, round(minutes * 60))
            await asyncio.sleep(SETTLE * seconds)
            for _ in range(round((1 - SETTLE) * seconds)):
                await asyncio.sleep(1)
                resident.append(us.memory_info().rss / 1e6)
                threads.append(threading.active_count())
                descriptors.append(us.num_fds())
            lost = seen(pipeline, "source.lost")
            captured = total(pipeline, "capture")
    third = len(resident) // 3
    grown = fmean(resident[-third:]) / fmean(resident[:third]) - 1
    found.say(f"{STREAMS} streams, {captured.done} frames in {seconds / 60:.1f} min")
    found.say(f"{fmean(resident):.0f} MB, {grown:+.1%}")
    found.say(f"{min(threads)} to {max(threads)} threads")
    found.say(f"{min(descriptors)} to {max(descriptors)} descriptors")
    found.want(grown < GROWTH, f"memory flat within {GROWTH:.0%}, got {grown:+.1%}")
    found.want(threads[-1] <= threads[0] + 1, f"threads flat, got {threads[0]} to {threads[-1]}")
    found.want(
        descriptors[-1] <= descriptors[0] + 2,
        f"descriptors flat, got {descriptors[0]} to {descriptors[-1]}",
    )
    found.want(lost == 0, f"no outage, got {lost}")
