"""A disk that is full, and has room again: a small tmpfs in a mount namespace of its own."""

import json
import shutil
import subprocess
from pathlib import Path

import av

from tests.chaos.fault import Finding, Missing, until
from tests.chaos.ours import Ours

SIZE = "8m"

CONFIG = """
streams: {{ a: {{ source: testcard, size: 640x480 }}, b: {{ source: testcard, size: 640x480 }} }}
graph: {{ count: {{ stage: "{{stages}}:Count" }} }}
sinks:
  file: {{ sink: jsonl, path: "{disk}/out.jsonl", from: count }}
  film: {{ sink: mp4, path: "{disk}/{{{{stream}}}}.mp4", from: count }}
  none: {{ sink: "null", from: count }}
"""


async def full(times: float, folder: Path, found: Finding) -> None:
    """Fill it up, and empty it again."""
    disk = folder / "disk"
    disk.mkdir()
    before = _in_a_namespace(disk)
    text = CONFIG.format(disk=disk).replace("{{stream}}", "{stream}")
    async with Ours(folder, text, before=before) as run:
        inside = Path(f"/proc/{run.process.pid}/root{disk}")
        for n in range(round(times)):
            await until(lambda: run.done("film") > 100 * (n + 1), "100 pictures")  # noqa: B023
            _fill(inside / "filler")
            await until(lambda: run.seen("sink.lost") >= 2 * n + 2, "sink.lost of both")  # noqa: B023
            done = run.done("none")
            await until(lambda: run.done("none") > done + 50, "results elsewhere")  # noqa: B023
            (inside / "filler").unlink()
            await until(lambda: run.seen("sink.back") >= 2 * n + 2, "sink.back of both")  # noqa: B023
        kept = folder / "kept"
        shutil.copytree(inside, kept)
    report = run.report()
    lines = (kept / "out.jsonl").read_text().split("\n")
    films = [_pictures(path) for path in sorted(kept.glob("*.mp4"))]
    failed = {name: sum(report["nodes"][name]["total"]["failed"].values())
              for name in ("file", "film", "none")}  # fmt: skip
    unwritten = report["nodes"]["file"]["total"]["entered"] - sum('"seq"' in one for one in lines)
    found.say(
        f"filled {round(times)} times: {failed['film']} pictures and {unwritten} lines lost, "
        f"{len(films)} films play"
    )
    events = {name: report["events"].get(name, 0) for name in ("sink.lost", "sink.back")}
    found.want(set(events.values()) == {2 * round(times)}, f"one each time of each, got {events}")
    found.want(all(_is_whole(line) for line in lines[:-1]), "whole lines")
    found.want(min(films) > 0, f"films that play, got {films} pictures")
    found.want(len(films) > 2, f"a further part of each film, got {len(films)} in all")
    found.want(failed["none"] == 0, f"the other sink unharmed, got {failed}")
    found.want(run.code == 0, f"a clean end, got exit code {run.code}: {run.lines()[-3:]}")
    found.want(report["balanced"], "a ledger that balances")


def _in_a_namespace(disk: Path) -> tuple[str, ...]:
    mount = f'mount -t tmpfs -o size={SIZE} tmpfs "{disk}" && exec "$@"'
    before = ("unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh")
    try:
        subprocess.run([*before, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Missing(f"wanted a mount namespace of our own (unshare), got: {error}") from error
    return before


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:  # there is no room left
            return


def _pictures(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def _is_whole(line: str) -> bool:
    return isinstance(json.loads(line), dict)
