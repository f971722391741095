"""Bits that are flipped, and packets that are lost, on the way from a camera."""

import asyncio
from pathlib import Path
from typing import cast

import psutil

from tests.chaos.compare import CARD, Compare
from tests.chaos.fault import Finding, until
from tests.chaos.house import names, running, total
from tests.servers.process import ServerProcess

LOSE, FLIP = "20", "99"  # every nth packet: 5 % and 1 %; 99 so that a lost one is not flipped, too
LEAK_MB = 20.0
MARKED = {"lossy": 1.0, "flipped": 0.9}
"""Least share of the damaged pictures that must be marked. A bit can be flipped so that the picture
can still be read and is another one: nothing in H.264 tells."""

CONFIG = """
streams: {{ lossy: {{ source: "{lossy}" }}, flipped: {{ source: "{flipped}" }} }}
graph: {{ compare: {{ stage: "{stage}:Compare" }} }}
sinks: {{ file: {{ sink: jsonl, from: compare }} }}
"""


async def damaged(minutes: float, folder: Path, found: Finding) -> None:
    """Lose packets of one stream all the time; of the other, flip bits as well."""
    arguments = ("--size", f"{CARD[0]}x{CARD[1]}", "--lose-every", LOSE)
    stage = Path(__file__).with_name("compare.py")
    process = psutil.Process()
    resident: list[float] = []
    with (
        ServerProcess("tests.servers.rtsp", *arguments) as lossy,
        ServerProcess("tests.servers.rtsp", *arguments, "--flip-every", FLIP) as flipped,
    ):
        text = CONFIG.format(lossy=lossy.urls["card"], flipped=flipped.urls["card"], stage=stage)
        async with running(folder, text, found) as pipeline:
            await until(lambda: total(pipeline, "compare").done > 0, "a first picture")
            for _ in range(max(10, round(minutes * 60))):
                await asyncio.sleep(1)
                resident.append(process.memory_info().rss / 1e6)
            compare = cast("Compare", pipeline.parts.stages["compare"])
    for stream, least in MARKED.items():
        seen = compare.seen[stream]
        damaged = seen[False, True] + seen[False, False]
        share = seen[False, True] / max(1, damaged)
        found.say(
            f"{stream}: {seen.total()} pictures, {damaged} damaged, {share:.2%} of them marked"
        )
        found.say(f"{seen[True, True]} marked for nothing")
        found.want(damaged > 0, f"{stream}: damaged pictures")
        found.want(share >= least, f"{stream}: {least:.0%} of them marked, got {share:.2%}")
        found.want_soon(seen.total() > 0.8 * 25 * len(resident), f"25 a second, got {seen.total()}")
        found.want(
            not pipeline.captures[stream].outages, f"no outage, got {names(pipeline, stream)}"
        )
    settled = resident[len(resident) // 3 :]
    grown = settled[-1] - settled[0]
    found.say(f"memory {grown:+.1f} MB")
    found.want(grown < LEAK_MB, f"less than {LEAK_MB} MB more memory, got {grown:.1f}")
