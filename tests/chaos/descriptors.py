"""A process that may open 64 files: with more viewers than that, and with none left to open."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.chaos.fault import Finding, until
from tests.chaos.ours import Ours
from tests.servers.process import ServerProcess

LIMIT = 64
VIEWERS = 100
EVENTS = ("source.lost", "source.back", "descriptors.short", "descriptors.enough")

CONFIG = """
streams:
  mortal: {{ source: "{mortal}", stall_s: 2, open_timeout_s: 2 }}
  well: {{ source: "{well}", stall_s: 30 }}
graph: {{ count: {{ stage: "{{stages}}:Count" }} }}
sinks: {{ file: {{ sink: jsonl, path: out.jsonl, from: count }} }}
http: {{ listen: "127.0.0.1:{port}" }}
"""


async def short(times: float, folder: Path, found: Finding) -> None:
    """Let a crowd of viewers come; then leave no descriptor while a camera wants one."""
    with ServerProcess("tests.servers.rtsp") as mortal, ServerProcess("tests.servers.rtsp") as well:
        port = _free_port()
        text = CONFIG.format(mortal=mortal.urls["card"], well=well.urls["card"], port=port)
        before = ("prlimit", f"--nofile={LIMIT}:{LIMIT}")
        async with Ours(folder, text, before=before) as run:
            most, calm = 0, run.process.num_fds() + 2  # a report, or a probe, may be open
            for n in range(round(times)):
                with _crowd(port):
                    most = max(most, await _peak(run))
                    await _lose_and_regain(run, mortal, 2 * n)
                await until(lambda: run.process.num_fds() <= calm, "an end of the crowd")
                _allow(run, run.process.num_fds() - 1)
                await until(lambda: run.said("descriptors.short") > n, "descriptors.short")  # noqa: B023
                away, backs = run.said("source away"), run.said("source back")
                mortal.kill()
                await until(lambda: run.said("source away") > away, "a camera that is away")  # noqa: B023
                mortal.start()
                written = _written(folder)
                await until(lambda: _written(folder) > written + 50, "the other's results")  # noqa: B023
                found.want(run.said("source back") == backs, "a camera that has to wait")
                _allow(run, LIMIT)
                await until(lambda: run.seen("descriptors.enough") > n, "descriptors.enough")  # noqa: B023
                await until(lambda: run.seen("source.back") > 2 * n + 1, "source.back")  # noqa: B023
                await until(lambda: _healthy(port), "an answer to a viewer")
            used = run.process.num_fds()
    report = run.report()
    events = [report["events"].get(name, 0) for name in EVENTS]
    found.say(f"{round(times)} times {VIEWERS} viewers: at most {most} of {LIMIT} descriptors open")
    found.say(f"{round(times)} times none left; {used} open after it")
    wanted = [count * round(times) for count in (2, 2, 1, 1)]
    found.want(events == wanted, f"{wanted} of {EVENTS}, got {events}")
    found.want(run.code == 0, f"a clean end, got exit code {run.code}: {run.lines()[-3:]}")
    found.want(report["balanced"], "a ledger that balances")
    found.want(report["streams"]["well"]["outages"] == 0, "no outage of the other stream")


def _written(folder: Path) -> int:
    """Results of the camera that stays."""
    return (folder / "out.jsonl").read_text().count('"stream":"well"')


async def _lose_and_regain(run: Ours, mortal: ServerProcess, lost: int) -> None:
    mortal.kill()
    await until(lambda: run.seen("source.lost") > lost, "source.lost")
    mortal.start()
    await until(lambda: run.seen("source.back") > lost, "source.back among viewers")


async def _peak(run: Ours) -> int:
    """Descriptors that are open while viewers come."""
    seen: list[int] = []
    done = run.done("file")

    def later() -> bool:
        seen.append(run.process.num_fds())
        return run.done("file") > done + 50

    await until(later, "results meanwhile")
    return max(seen)


@contextlib.contextmanager
def _crowd(port: int) -> Iterator[None]:
    with contextlib.ExitStack() as viewers:
        for _ in range(VIEWERS):
            viewers.enter_context(socket.create_connection(("127.0.0.1", port)))
        yield


def _allow(run: Ours, limit: int) -> None:
    run.process.rlimit(psutil.RLIMIT_NOFILE, (limit, LIMIT))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _healthy(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=2) as viewer:
        viewer.sendall(b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        with contextlib.suppress(TimeoutError):
            return b"200 OK" in viewer.recv(1024)
    return False
