"""What recording costs, and whether it keeps everything, against `ffmpeg -c copy`."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from statistics import median

import av

from benchmarks.clip import clip, shipped
from benchmarks.measure import ROOT, RUNS, Bar, busy, in_turn, spread
from tests.servers.process import ServerProcess

CAMERAS = 16
SETTLE = 8.0  # seconds until all are connected
SECONDS = 20.0
FRAGMENTED = ("-movflags", "frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "500000")
AT_ONCE = ("-rtsp_transport", "tcp", "-probesize", "32", "-analyzeduration", "0")
"""As we open cameras; else ffmpeg looks at a second of each, one after the other."""


def bars() -> Sequence[Bar]:
    """Both, or none where there is no ffmpeg."""
    if shutil.which("ffmpeg") is None:
        print("record: skipped: wanted ffmpeg on the PATH, got none", file=sys.stderr)
        return []
    return [cpu(), complete()]


def cpu() -> Bar:
    """CPU of recording cameras, of the whole process, once all are connected."""
    film = str(clip(1280, 720, coding="camera"))
    with ServerProcess("tests.servers.rtsp", "--clip", film) as server:
        url = server.urls["clip"]
        found = in_turn(
            {
                "ours": lambda: {"cpu": _spent(_ours([url] * CAMERAS))},
                "ffmpeg": lambda: {"cpu": _spent(_ffmpeg([url] * CAMERAS))},
            },
            RUNS,
        )
    pairs = list(zip(found["ours"], found["ffmpeg"], strict=True))
    ratios = [ours["cpu"] / theirs["cpu"] for ours, theirs in pairs]
    cost = median(ours["cpu"] for ours, _ in pairs) / CAMERAS * 100
    what = f"recording {CAMERAS} RTSP cameras, 720p25: CPU against `ffmpeg -c copy`"
    got = f"{spread(ratios)}; {cost:.2f} % of a core each"
    return Bar(what, "<= 1.3", got, median(ratios) <= 1.3)


def complete() -> Bar:
    """Packets and times of a file with B-frames, in our recording and in ffmpeg's."""
    film = shipped("bikes.mp4")
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "ours", Path(folder) / "theirs.mp4"
        subprocess.run(_ours([str(film)], ours), cwd=ROOT, check=True, capture_output=True)
        copy = ["ffmpeg", "-loglevel", "error", "-i", str(film), "-map", "0:v", "-c", "copy"]
        subprocess.run([*copy, *FRAGMENTED, str(theirs)], check=True)
        (recorded,) = ours.rglob("*.mp4")
        got, wanted = _packets(recorded), _packets(theirs)
    equal = sum(a == b for a, b in zip(got, wanted, strict=False))
    what = "recording a file with B-frames: packets with equal bytes and times"
    held = equal == len(wanted) == len(got)
    return Bar(what, "all", f"{equal} of {len(wanted)}", held)


def _ours(sources: Sequence[str], folder: Path | None = None) -> list[str]:
    path = Path(tempfile.mkdtemp(prefix="framewire-bench-")) / "record.yaml"
    streams = "\n".join(f'  s{n}: {{ source: "{url}" }}' for n, url in enumerate(sources))
    told = f'sink: record, from: capture, path: "{folder or path.parent / "recordings"}"'
    path.write_text(
        f"streams:\n{streams}\nsinks:\n  record: {{ {told}, least_free_mb: 0 }}\n"
        "http: { listen: null }\n"
    )
    command = [sys.executable, "-m", "pipeline", "run", str(path), "--no-table"]
    return [*command, "--log-level", "error"]


def _ffmpeg(sources: Sequence[str]) -> list[str]:
    folder = tempfile.mkdtemp(prefix="framewire-bench-")
    command = ["ffmpeg", "-nostdin", "-loglevel", "error"]
    for url in sources:
        command += [*AT_ONCE, "-i", url]
    for number in range(len(sources)):
        command += ["-map", f"{number}:v", "-c", "copy", *FRAGMENTED, f"{folder}/{number}.mp4"]
    return command


def _spent(command: Sequence[str]) -> float:
    """Processor seconds a second of a process that goes on until it is ended."""
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            time.sleep(SETTLE)
            before, began = busy(process.pid), time.monotonic()
            time.sleep(SECONDS)
            return (busy(process.pid) - before) / (time.monotonic() - began)
        finally:
            process.terminate()


def _packets(path: Path) -> list[tuple[Fraction, Fraction, list[bytes]]]:
    """Times from the first, and the units, each behind its size in 32 bits (ISO/IEC 14496-15).

    Without parameter sets, which the packet lane has before each keyframe.
    """
    with av.open(str(path)) as file:
        video = file.streams.video[0]
        tick = video.time_base or Fraction(0)
        found = [(p.pts or 0, p.dts or 0, _units(bytes(p))) for p in file.demux(video) if p.size]
    first = found[0][0]
    return [((pts - first) * tick, (dts - first) * tick, units) for pts, dts, units in found]


def _units(data: bytes) -> list[bytes]:
    units = []
    while data:
        size = int.from_bytes(data[:4], "big")
        units.append(data[4 : 4 + size])
        data = data[4 + size :]
    return [unit for unit in units if unit[0] & 0x1F not in {7, 8}]  # ITU-T H.264, table 7-1


if __name__ == "__main__":
    for bar in bars():
        print(bar.row())
