"""Our own process is killed with SIGKILL while it records and publishes."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import psutil
from av.error import FFmpegError

from tests.chaos.fault import Finding, shared_memory, until
from tests.chaos.ours import Ours
from tests.servers.process import ServerProcess

GONE_S = 2.0  # until no child is left
UNRECORDED_S = 1.0  # of a film may be missing: its fragments are half a second long
FPS = 25

CONFIG = """
streams: {{ a: {{ source: "{camera}" }}, b: {{ source: testcard, size: 320x240 }} }}
graph:
  count: {{ stage: "{{stages}}:Count" }}
  slow: {{ stage: "{{stages}}:Slow", isolation: process, policy: drop_oldest, queue: 4 }}
sinks:
  file: {{ sink: jsonl, path: out.jsonl, from: count }}
  film: {{ sink: mp4, path: "b.mp4", from: count, streams: [b] }}
  recorder: {{ sink: record, path: recordings, from: [capture, count], streams: [a] }}
  redis: {{ sink: redis, url: embedded, from: [count, slow] }}
"""


@dataclass(frozen=True, slots=True)
class Left:
    """What one kill has left.

    gone       seconds until no child was left
    in_flight  frames that the ledger on disk tells of
    missing    by kind of film, seconds by which it ends before what the ledger tells of
    """

    gone: float
    in_flight: int
    missing: dict[str, float]


async def ours(times: float, folder: Path, found: Finding) -> None:
    """Kill it, each time at another moment, and look at what is left."""
    shared = shared_memory()
    with ServerProcess("tests.servers.rtsp") as server:
        text = CONFIG.format(camera=server.urls["card"])
        left = [await _kill(folder / str(n), text, 7 * n, found) for n in range(round(times))]
    gone = max(one.gone for one in left)
    in_flight = sorted(one.in_flight for one in left)
    missing = {kind: max(one.missing[kind] for one in left) for kind in ("film", "recording")}
    found.say(
        f"{len(left)} kills, ledgers told of {in_flight[0]} to {in_flight[-1]} frames in flight"
    )
    found.say(f"children gone after {gone:.2f} s at most")
    for kind, seconds in missing.items():
        found.say(f"{kind}s end {max(0.0, seconds):.2f} s before the ledger at most")
        found.want_soon(
            seconds <= UNRECORDED_S, f"{kind}s: at most {UNRECORDED_S} s, got {seconds:.2f}"
        )
    found.want_soon(gone <= GONE_S, f"children gone within {GONE_S} s, got {gone:.2f}")
    found.want(in_flight[0] > 0, f"what was in flight, got {in_flight}")
    more = shared_memory() - shared
    found.want(not more, f"nothing in /dev/shm, got {more}")


async def _kill(place: Path, text: str, later: int, found: Finding) -> Left:
    async with Ours(place, text) as run:
        await until(lambda: run.done("film") > 60 + later, "pictures in the film")
        children = run.process.children(recursive=True)
        found.want(len(children) >= 2, f"a stage and a Redis as processes, got {children}")
        run.kill()
    gone = await until(lambda: not any(map(_runs, children)), "no child left")
    return _look(place, run.report(), gone, found)


def _look(place: Path, report: dict[str, Any], gone: float, found: Finding) -> Left:
    found.want(report["balanced"], "a ledger on disk that balances")
    found.want(not report["over"], "a ledger that says it is not the last word")
    lines = (place / "out.jsonl").read_text().split("\n")
    found.want(all(_is_whole(line) for line in lines[:-1]), "whole lines but for the last")
    nodes = report["nodes"]
    films = {"film": ([place / "b.mp4"], nodes["film"]["ledger"]["b"]["done"]),
             "recording": (sorted(place.glob("recordings/a/*/*.mp4")),
                           report["streams"]["a"]["captured"])}  # fmt: skip
    missing = {kind: (told - sum(map(_pictures, paths))) / FPS
               for kind, (paths, told) in films.items()}  # fmt: skip
    return Left(gone, sum(node["total"]["in_flight"] for node in nodes.values()), missing)


def _runs(child: psutil.Process) -> bool:
    try:
        return child.is_running() and child.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _pictures(path: Path) -> int:
    """Pictures that can be played."""
    count = 0
    with suppress(FFmpegError), av.open(str(path)) as file:  # in the last fragment
        for _ in file.decode(video=0):
            count += 1
    return count


def _is_whole(line: str) -> bool:
    return isinstance(json.loads(line), dict)
