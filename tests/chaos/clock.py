"""A wall clock that jumps by an hour, forth and back; the monotonic one goes on.

clock.c stands before the C library's own clock in our process, so that what Python, FFmpeg and all
other libraries read jumps, and on no other process of the machine.
"""

import json
import shutil
import struct
import subprocess
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from tests.chaos.fault import Finding, Missing, until
from tests.chaos.ours import Ours
from tests.servers.process import ServerProcess

HOUR = 3600.0
SOURCE = Path(__file__).with_name("clock.c")
BIAS = 0.5  # seconds by which two times of one picture may differ

CONFIG = """
streams: {{ live: {{ source: "{url}" }}, card: {{ source: testcard, size: 320x240 }} }}
graph: {{ count: {{ stage: "{{stages}}:Count", max_age_ms: 60000, queue: 200 }} }}
sinks:
  file: {{ sink: jsonl, path: out.jsonl, from: count }}
  redis: {{ sink: redis, url: embedded, from: count }}
"""


async def jumps(times: float, folder: Path, found: Finding) -> None:
    """An hour ahead, an hour behind, and right again."""
    clock = folder / "clock"
    clock.write_bytes(struct.pack("d", 0.0))
    environment = {"LD_PRELOAD": str(_shim(folder)), "CHAOS_CLOCK": str(clock)}
    with ServerProcess("tests.servers.rtsp") as server:
        text = CONFIG.format(url=server.urls["card"])
        async with Ours(folder, text, environment=environment) as run:
            for _ in range(round(times)):
                for ahead in (HOUR, -HOUR, 0.0):
                    _set(clock, ahead)
                    done = run.done("file")
                    await until(lambda: run.done("file") > done + 100, "results")  # noqa: B023
    report = run.report()
    lines = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    results = [line for line in lines if "seq" in line]
    leaps = {stream: _leaps(results, stream) for stream in ("live", "card")}
    found.say(f"{leaps['card']} jumps seen in captured_at, {len(results)} results")
    late = [name for name in ("file", "redis") if report["nodes"][name]["latency"]["p99"] > 60_000]
    # The camera tells its own time.
    wanted = {"live": 0, "card": 3 * round(times)}
    found.want(leaps == wanted, f"jumps in captured_at {wanted}, got {leaps}")
    for stream in ("live", "card"):
        mine = [one for one in results if one["stream"] == stream]
        steps = [b["pts"] - a["pts"] for a, b in pairwise(mine)]
        found.want(
            min(steps) > 0 and max(steps) < 60, f"{stream}: pts that go on, got {max(steps)}"
        )
    found.want(not late, f"latencies by the monotonic clock, got {late}")
    found.want_soon(
        0 < report["first_result_s"] < 60, f"first result, got {report['first_result_s']} s"
    )
    lost = {k: v for k, v in report["events"].items() if not k.startswith("run.")}
    dropped = report["nodes"]["count"]["total"]["dropped"]
    found.want(not lost, f"no events, got {lost}")
    found.want_soon(not dropped, f"nothing dropped, got {dropped}")
    found.want(run.code == 0, f"a clean end, got exit code {run.code}: {run.lines()[-3:]}")


def _shim(folder: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        raise Missing("wanted a C compiler (cc) to make a clock that jumps, got none")
    made = folder / "clock.so"
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", str(made), str(SOURCE), "-ldl"], check=True
    )
    return made


def _set(clock: Path, ahead: float) -> None:
    with clock.open("r+b") as file:
        file.write(struct.pack("d", ahead))


def _leaps(results: list[dict[str, object]], stream: str) -> int:
    taken = [datetime.fromisoformat(str(one["captured_at"])) for one in results
             if one["stream"] == stream]  # fmt: skip
    return sum(abs((b - a).total_seconds()) > HOUR / 2 for a, b in pairwise(taken))
