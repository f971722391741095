"""A camera's server is killed and started again, or frozen, again and again; another one is not."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from pipeline.pipeline import Pipeline
from tests.chaos.fault import Finding, until
from tests.chaos.house import names, running, seen, total
from tests.servers.process import ServerProcess

SERVER = "tests.servers.rtsp"
FPS = 25
BACK_S = 2.0  # seconds after which a camera that is back must give pictures
STALL_S = 2.0

CONFIG = """
streams:
  mortal: {{ source: "{mortal}", stall_s: {stall}, open_timeout_s: {stall} }}
  well: {{ source: "{well}", stall_s: 30 }}
graph: {{ count: {{ stage: "{{stages}}:Count" }} }}
sinks: {{ file: {{ sink: jsonl, from: count }} }}
"""


async def killed(times: float, folder: Path, found: Finding) -> None:
    """Kill the server and start it again."""

    async def away(server: ServerProcess, pipeline: Pipeline, lost: int) -> None:
        await asyncio.to_thread(server.kill)
        await until(lambda: seen(pipeline, "source.lost") > lost, "source.lost")
        await asyncio.to_thread(server.start)

    await _again_and_again(round(times), folder, found, away)


async def frozen(times: float, folder: Path, found: Finding) -> None:
    """Stop the server where it stands, with its connections open, and let it go on."""

    async def away(server: ServerProcess, pipeline: Pipeline, lost: int) -> None:
        server.freeze()
        await until(lambda: seen(pipeline, "source.lost") > lost, "source.lost")
        server.thaw()

    await _again_and_again(round(times), folder, found, away)


Away = Callable[[ServerProcess, Pipeline, int], Awaitable[None]]
"""Takes the server away and gives it back; told how often that has been done."""


async def _again_and_again(times: int, folder: Path, found: Finding, away: Away) -> None:
    backs: list[float] = []
    with ServerProcess(SERVER) as mortal, ServerProcess(SERVER) as well:
        text = CONFIG.format(mortal=mortal.urls["card"], well=well.urls["card"], stall=STALL_S)
        async with running(folder, text, found) as pipeline:
            for stream in ("mortal", "well"):
                await until(lambda: total(pipeline, "count", stream).done > 0, f"{stream}'s first")  # noqa: B023
            before, began = total(pipeline, "count", "well").done, time.monotonic()
            for n in range(times):
                await away(mortal, pipeline, n)
                backs.append(await until(lambda: seen(pipeline, "source.back") > n, "source.back"))  # noqa: B023
            fps = (total(pipeline, "count", "well").done - before) / (time.monotonic() - began)
    outage = ["source.lost", "source.back"]
    events = names(pipeline, "mortal")
    outages = {name: pipeline.captures[name].outages for name in ("mortal", "well")}
    found.say(f"{times} outages, back after at most {max(backs):.2f} s, the other at {fps:.1f} fps")
    found.want_soon(max(backs) <= BACK_S, f"back within {BACK_S} s, got {sorted(backs)[-3:]}")
    found.want(events == outage * times, f"{times} times {outage}, got {events}")
    found.want(outages == {"mortal": times, "well": 0}, f"outages of one stream, got {outages}")
    found.want(
        names(pipeline, "well") == [], f"no event of the other, got {names(pipeline, 'well')}"
    )
    found.want_soon(fps > 0.98 * FPS, f"{FPS} fps of the other, got {fps:.2f}")
