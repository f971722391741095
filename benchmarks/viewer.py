"""What the viewer costs and how exact it is: `make bench-viewer`.

A real Chromium where one is needed; else viewers that decode nothing. Everything over loopback.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import httpx
import numpy as np
import psutil

from benchmarks.clip import clip
from benchmarks.folder import WORK
from benchmarks.measure import ROOT, Bar, measured, spread
from tests.servers.film import film
from tests.sinks.browser import Page, browser

FRAMES = 1000
SETTLE_S = 2.0  # before a measurement, for what begins to be over
MEASURE_S = 10.0
FURTHER = 10  # viewers over which the cost of a further one is taken
CARD = "{ source: testcard, size: 1280x720, fps: 25 }"
REST_S = 45.0  # ICE asks six times, five seconds apart, whether a viewer is still there
LOOKS = 5
READY = "ready"
SCRIPT = ROOT / "tests/sinks/webrtc/watch.js"


@contextmanager
def serving(module: str, *arguments: str) -> Iterator[tuple[str, int]]:
    """A subject that serves; its address and its process."""
    command = [sys.executable, "-m", f"benchmarks.subjects.{module}", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        lines = (line.strip() for line in process.stdout)  # what is logged may come before
        address = next((line for line in lines if line == READY or line.startswith("http")), "")
        if not address:
            raise SystemExit(f"{module} {arguments} has not come up")
        yield address, process.pid
        process.communicate("")


@contextmanager
def watched(address: str, viewers: int, *, overlay: bool = False) -> Iterator[None]:
    """So many viewers, all connected."""
    if not viewers:
        yield
        return
    told = ["overlay"] if overlay else []
    with serving("viewers", address, str(viewers), *told):
        yield


def cpu(mode: str, viewers: int, nodes: int = 0) -> float:
    """Percent of a core that a server takes."""
    film = str(clip(1280, 720, coding="viewer"))
    with (
        serving("viewer_server", mode, film, str(nodes)) as (address, pid),
        watched(address, viewers, overlay=nodes > 0),
    ):
        time.sleep(SETTLE_S)
        process = psutil.Process(pid)
        before, began = process.cpu_times(), time.perf_counter()
        time.sleep(MEASURE_S)
        after, wall = process.cpu_times(), time.perf_counter() - began
    return 100 * (after.user + after.system - before.user - before.system) / wall


def costs(runs: int = 3) -> Iterator[Bar]:
    """CPU of one more viewer, and of passing through."""
    found: dict[str, list[float]] = {}
    for _ in range(runs):
        theirs = cpu("vp8", 1) - cpu("vp8", 0)  # with more, two cores are busy with those alone
        found.setdefault("aiortc", []).append(theirs)
        for mode in ("encode", "passthrough"):
            one = cpu(mode, 1)
            more = (cpu(mode, 1 + FURTHER) - one) / FURTHER
            found.setdefault(mode, []).append(more)
            found.setdefault(f"{mode} share", []).append(theirs / more)
        with_overlay = (cpu("passthrough", 1 + FURTHER, 1) - cpu("passthrough", 1, 1)) / FURTHER
        found.setdefault("overlay", []).append(with_overlay)
        nobody, decoding = cpu("passthrough", 0), cpu("decode", 0)
        found.setdefault("decode", []).append((one - nobody) / decoding)
    yield Bar("a viewer of aiortc's VP8, % of a core", "-", spread(found["aiortc"]), held=True)
    for mode in ("encode", "passthrough"):
        yield Bar(f"each further viewer, {mode}, % of a core", "-", spread(found[mode]), held=True)
        share = found[f"{mode} share"]
        what = f"each further viewer, {mode}: aiortc's VP8 costs so many times as much"
        yield Bar(what, ">= 40", spread(share, 0), median(share) >= 40)
    what = "each further viewer with one node's results, passthrough, % of a core"
    yield Bar(what, "-", spread(found["overlay"]), held=True)
    what = "passthrough for one viewer against one decode, CPU"
    yield Bar(what, "<= 0.3", spread(found["decode"]), median(found["decode"]) <= 0.3)


def churn(seconds: float = 180.0) -> Iterator[Bar]:
    """What is left when two hundred viewers have come and gone."""
    film = str(clip(1280, 720, coding="viewer"))
    with serving("viewer_server", "passthrough", film, "1") as (address, _):
        # It grows once, to what so many at a time need, and not again.
        measured("benchmarks.subjects.viewer_churn", address, "200", "60", "1")
        before = at_rest(address)
        told = measured("benchmarks.subjects.viewer_churn", address, "200", str(seconds), "2")
        after = at_rest(address)
    if told["failed"]:
        print(told["failed"], file=sys.stderr)
    what = "200 viewers come and go: those that saw a picture"
    yield Bar(what, "200", str(told["seen"]), told["seen"] == 200)
    for one in ("tasks", "descriptors", "threads"):
        got = f"{before[one]} before, {after[one]} after"
        yield Bar(f"200 viewers come and go: {one}", "no more", got, after[one] <= before[one])
    more = 100 * (after["mb"] / before["mb"] - 1)
    got = f"{more:+.1f} % of {before['mb']:.0f} MB"
    yield Bar("200 viewers come and go: memory", "<= 2 % more", got, more <= 2)


def slow(seconds: float = 20.0) -> Iterator[Bar]:
    """What others see while some lose packets, are late, or do not read at all."""
    film = str(clip(1280, 720, coding="viewer"))
    with serving("viewer_server", "passthrough", film, "1") as (address, _):
        alone = pictures_a_second(address, seconds)
        before = held(address)
        with (
            serving("viewers", address, "2", "overlay", "lossy"),
            serving("viewers", address, "5", "overlay") as (_, paused),
        ):
            psutil.Process(paused).suspend()
            beside = pictures_a_second(address, seconds)
            after = held(address)
            psutil.Process(paused).resume()
    what = "pictures a second of one viewer: alone, beside 2 lossy and 5 paused ones"
    yield Bar(what, "unchanged", f"{alone:.2f}, {beside:.2f}", abs(beside / alone - 1) < 0.02)
    got = f"{after['mb'] - before['mb']:.1f} MB"
    yield Bar("memory that those seven take", "bounded", got, after["mb"] - before["mb"] < 100)


def pictures_a_second(address: str, seconds: float) -> float:
    """What one viewer gets."""
    command = [sys.executable, "-m", "benchmarks.subjects.viewers", address, "1", "overlay"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        told = json.loads(process.communicate("")[0].splitlines()[-1])
    return float(told["pictures"] / told["seconds"])


def at_rest(address: str) -> dict[str, float]:
    """What the server holds when the last viewer's silence has been noticed."""
    time.sleep(REST_S)
    looks = []
    for _ in range(LOOKS):  # a look may meet something that is just going on
        looks.append(held(address))
        time.sleep(1)
    return {name: min(look[name] for look in looks) for name in looks[0]}


def held(address: str) -> dict[str, float]:
    """See `viewer_server`."""
    told: dict[str, float] = httpx.get(f"{address}/held").json()
    return told


def cards() -> str:
    """A film of numbered cards with a keyframe every ten seconds, as a source."""
    path = WORK / "cards-1280x720-1500.mp4"
    if not path.exists():
        options = {"preset": "ultrafast", "tune": "zerolatency", "g": "250"}
        path.write_bytes(film((1280, 720), 1500, options=options))
    return f'{{ source: "{path}", loop: true }}'


def looked_at(source: str, frames: int, times: int = 1) -> list[dict]:
    """What Chromium sees of a source: see watch.js."""
    binary = browser()
    if binary is None:
        raise SystemExit("bench-viewer: wanted Debian's package chromium, got none")
    script = SCRIPT.read_text("utf-8")
    with (
        serving("viewer_page", source) as (address, _),
        Page(binary, f"{address}/api/viewer") as page,
    ):
        time.sleep(SETTLE_S)
        told = [page.run(f"{script};watch('a', {frames})") for _ in range(times)]
    return [one for one in told if isinstance(one, dict)]


def pictures() -> Iterator[Bar]:
    """Whether overlays are on their frames, and how late pictures are."""
    for path, source in (("encode-once", CARD), ("passthrough", cards())):
        (told,) = looked_at(source, FRAMES + 25)
        seen = told["seen"][25 : 25 + FRAMES]  # without those before the data channel is open
        said = [one for one in seen if one["said"] is not None]
        right = sum(one["said"] == one["read"] for one in said)
        wrong = len(said) - right
        share = 100 * right / len(seen)
        got = f"{right} of {len(seen)} ({share:.1f} %), {wrong} wrong"
        what = f"overlay on its very frame, {path}"
        yield Bar(what, ">= 99.8 %, none wrong", got, share >= 99.8 and not wrong)
        # Not `shown`, when the browser expects it on the screen: under load it expects too much.
        late = [one["called"] - one["at"] for one in seen if one["at"] is not None]
        p50, p95 = np.percentile(late, (50, 95))
        bars = path == "encode-once"
        what = f"glass to glass, {path}, p50 / p95, ms"
        got = f"{p50:.0f} / {p95:.0f}"
        yield Bar(
            what, "<= 50 / <= 80" if bars else "-", got, not bars or (p50 <= 50 and p95 <= 80)
        )
    for path, source in (("encode-once", CARD), ("keyframe every 10 s", cards())):
        first = [one["first"] for one in looked_at(source, 2, times=10)]
        what = f"first picture after the click, {path}, ms"
        yield Bar(what, "<= 200", spread(first, 0), median(first) <= 200)


def main() -> None:
    """Measure what is named, or all."""
    parts = {"pictures": pictures, "costs": costs, "slow": slow, "churn": churn}
    wanted = sys.argv[1:] or list(parts)
    print("| what | bar | median (least to most) | held |\n|---|---|---|---|")
    for name in wanted:
        for bar in parts[name]():
            print(bar.row(), flush=True)


if __name__ == "__main__":
    main()
