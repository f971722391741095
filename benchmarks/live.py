"""What a live pipeline costs: latency, memory, time to start, the hop from node to node."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.clip import clip
from benchmarks.measure import ROOT, RUNS, Bar, in_turn, measured, spread
from benchmarks.throughput import model
from tests.servers.process import ServerProcess

SOAK_SECONDS = 600


def decode() -> Bar:
    """CPU of eight streams that nobody looks at, against bare loops."""
    film = str(clip(1280, 720, times=2))
    found = in_turn(
        {
            name: lambda name=name: measured(f"benchmarks.subjects.{name}", film, "8", "realtime")
            for name in ("decode_ours", "decode_bare")
        }
    )
    pairs = zip(found["decode_ours"], found["decode_bare"], strict=True)
    ratios = [ours["cpu"] / bare["cpu"] for ours, bare in pairs]
    what = "8 streams of 720p25, decode only, CPU against bare PyAV loops"
    return Bar(what, "<= 1.10", spread(ratios), median(ratios) <= 1.10)


def latency() -> Bar:
    """What the graph adds on one live RTSP stream."""
    film = str(clip(1280, 720))
    with ServerProcess("tests.servers.rtsp", "--clip", film) as server:
        url = server.urls["clip"]
        runs = [
            measured("benchmarks.subjects.live_latency", url, str(model()), "10")
            for _ in range(RUNS)
        ]
    p95 = [run["p95"] for run in runs]
    what = "latency added by the graph, RTSP 720p25 to Redis, p95, ms"
    return Bar(what, "<= 5", spread(p95), median(p95) <= 5)


def memory() -> Bar:
    """What each further stream adds."""
    film, net = str(clip(1280, 720)), str(model())

    def resident(streams: str) -> float:
        run = measured("benchmarks.subjects.memory", film, net, streams, "3")
        return median(run["resident"])

    more = [(resident("5") - resident("1")) / 4 for _ in range(RUNS)]
    what = "resident memory of each further 720p stream, MB"
    return Bar(what, "<= 30", spread(more, 1), median(more) <= 30)


def soak() -> Bar:
    """Whether memory stays flat."""
    film, net = str(clip(1280, 720)), str(model())
    found = measured("benchmarks.subjects.memory", film, net, "4", str(SOAK_SECONDS))["resident"]
    minute = len(found) // 10
    growth = median(found[-minute:]) / median(found[minute : 2 * minute]) - 1
    what = "resident memory of 4 streams, tenth minute against second"
    return Bar(what, "within 2 %", f"{100 * growth:+.2f} %", abs(growth) <= 0.02)


def start() -> Bar:
    """From the start of the process to the first result in Redis."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        for _ in range(RUNS):
            subprocess.run(
                [sys.executable, "-m", "pipeline", "run", "configs/demo.yaml", "--for", "1",
                 "--report", str(report)],
                cwd=ROOT, capture_output=True, check=True,
            )  # fmt: skip
            seconds.append(json.loads(report.read_text())["first_result_s"])
    what = "`framewire run configs/demo.yaml`, from start to first result, s"
    return Bar(what, "<= 2", spread(seconds), median(seconds) <= 2)


def hop() -> Bar:
    """What the graph spends on a frame at a node."""
    runs = [measured("benchmarks.subjects.overhead", "4", "5000") for _ in range(RUNS)]
    spent = [1e6 * run["cpu"] / run["frames"] for run in runs]
    what = "graph overhead for each frame and node, stages that do nothing, µs of CPU"
    return Bar(what, "<= 60", spread(spent, 1), median(spent) <= 60)
