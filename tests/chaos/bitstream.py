"""Bits that are flipped, and packets that are lost, on the way from a camera."""

import asyncio
from pathlib import Path
from typing import cast

import psutil

from tests.chaos.fault import Finding, until
from tests.chaos.house import names, running, total
from tests.chaos.stages import CARD, Compare
from tests.servers.process import ServerProcess

LOSE, FLIP = "20", "99"  # every nth packet: 5 % and 1 %; 99 so that a lost one is not flipped, too
LEAK_MB = 20.0
MARKED = 0.98
"""Share of the damaged pictures that must be marked. A bit can be flipped so that the picture can
be read and is another one: nothing in H.264 tells."""

CONFIG = """
streams: {{ a: {{ source: "{url}" }} }}
graph: {{ compare: {{ stage: "{stage}:Compare" }} }}
sinks: {{ file: {{ sink: jsonl, from: compare }} }}
"""


async def damaged(minutes: float, folder: Path, found: Finding) -> None:
    """Damage every connection of it, all the time."""
    arguments = ("--size", f"{CARD[0]}x{CARD[1]}", "--lose-every", LOSE, "--flip-every", FLIP)
    stage = Path(__file__).with_name("stages.py")
    process, resident = psutil.Process(), []
    with ServerProcess("tests.servers.rtsp", *arguments) as server:
        text = CONFIG.format(url=server.urls["card"], stage=stage)
        async with running(folder, text, found) as pipeline:
            await until(lambda: total(pipeline, "compare").done > 0, "a first picture")
            for _ in range(max(10, round(minutes * 60))):
                await asyncio.sleep(1)
                resident.append(process.memory_info().rss / 1e6)
            seen = cast("Compare", pipeline.parts.stages["compare"]).seen
            capture = pipeline.captures["a"]
    pictures = sum(seen.values())
    broken = seen[False, True] + seen[False, False]
    share = seen[False, True] / max(1, broken)
    settled = resident[len(resident) // 3 :]
    grown = settled[-1] - settled[0]
    found.say(f"{pictures} pictures, {broken} damaged, {share:.1%} of them marked")
    found.say(f"{seen[True, True]} whole ones marked, memory {grown:+.1f} MB")
    found.want(broken > 0, "damaged pictures")
    found.want(share >= MARKED, f"{MARKED:.0%} of the damaged pictures marked, got {share:.1%}")
    found.want(grown < LEAK_MB, f"less than {LEAK_MB} MB more memory, got {grown:.1f}")
    found.want(pictures > 0.8 * 25 * len(resident), f"25 pictures a second, got {pictures} in all")
    found.want(not capture.outages, f"no outage, got {names(pipeline, 'a')}")
