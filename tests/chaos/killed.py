"""Our own process is killed with SIGKILL while it records and publishes."""

import json
from pathlib import Path

import av
import psutil
from av.error import FFmpegError

from tests.chaos.fault import Finding, shared_memory, until
from tests.chaos.ours import Ours

GONE_S = 2.0  # until no child is left
RECORDED_S = 1.0  # of a recording may be lost: fragments are half a second long
FPS = 25

CONFIG = """
streams: { a: { source: testcard, size: 320x240 }, b: { source: testcard, size: 320x240 } }
graph:
  count: { stage: "{stages}:Count" }
  slow: { stage: "{stages}:Slow", isolation: process, policy: drop_oldest, queue: 4 }
sinks:
  file: { sink: jsonl, path: out.jsonl, from: count }
  film: { sink: mp4, path: "{stream}.mp4", from: count }
  redis: { sink: redis, url: embedded, from: [count, slow] }
"""


async def ours(times: float, folder: Path, found: Finding) -> None:
    """Kill it, each time at another moment, and look at what is left."""
    shared = shared_memory()
    lost: list[float] = []
    in_flight: list[int] = []
    gone: list[float] = []
    for n in range(round(times)):
        place = folder / str(n)
        place.mkdir()
        async with Ours(place, CONFIG) as run:
            await until(lambda: run.done("film") > 50 + 7 * n, "50 pictures in the film")  # noqa: B023
            children = run.process.children(recursive=True)
            found.want(len(children) >= 2, f"a stage and a Redis as processes, got {children}")
            run.kill()
        gone.append(await until(lambda: not any(map(_runs, children)), "no child left"))  # noqa: B023
        report = run.report()
        in_flight.append(sum(node["total"]["in_flight"] for node in report["nodes"].values()))
        found.want(report["balanced"], "a ledger on disk that balances")
        found.want(not report["over"], "a ledger that says it is not the last word")
        for stream in "ab":
            written = report["nodes"]["film"]["ledger"][stream]["done"]
            lost.append((written - _pictures(place / f"{stream}.mp4")) / FPS)
        lines = (place / "out.jsonl").read_text().split("\n")
        found.want(_whole(lines[:-1]), "whole lines but for the last")
    found.say(
        f"{round(times)} kills, the ledger told of {min(in_flight)} to {max(in_flight)} in flight"
    )
    found.say(f"children gone after {max(gone):.2f} s")
    found.say(f"recordings end {max(0.0, *lost):.2f} s before the ledger at most")
    found.want(max(gone) <= GONE_S, f"children gone within {GONE_S} s, got {max(gone):.2f}")
    found.want(max(lost) <= RECORDED_S, f"at most {RECORDED_S} s unrecorded, got {max(lost):.2f}")
    found.want(min(in_flight) > 0, f"what was in flight, got {in_flight}")
    left = shared_memory() - shared
    found.want(not left, f"nothing in /dev/shm, got {left}")


def _runs(child: psutil.Process) -> bool:
    try:
        return child.is_running() and child.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _pictures(path: Path) -> int:
    """Pictures that can be played."""
    count = 0
    with av.open(str(path)) as file:
        try:
            for _ in file.decode(video=0):
                count += 1
        except FFmpegError:  # in the last fragment
            return count
    return count


def _whole(lines: list[str]) -> bool:
    return all(isinstance(json.loads(line), dict) for line in lines)
