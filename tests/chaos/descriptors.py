"""A process that may open 64 files, and more viewers than that."""

import contextlib
import socket
from pathlib import Path

from tests.chaos.fault import Finding, until
from tests.chaos.ours import Ours
from tests.servers.process import ServerProcess

LIMIT = 64
VIEWERS = 100

CONFIG = """
streams:
  mortal: {{ source: "{mortal}", stall_s: 2, open_timeout_s: 2 }}
  well: {{ source: "{well}", stall_s: 30 }}
graph: {{ count: {{ stage: "{{stages}}:Count" }} }}
sinks: {{ file: {{ sink: jsonl, path: out.jsonl, from: count }} }}
http: {{ listen: "127.0.0.1:{port}" }}
"""


async def short(times: float, folder: Path, found: Finding) -> None:
    """Let viewers take them all; meanwhile a camera goes away, which wants one to come back."""
    with ServerProcess("tests.servers.rtsp") as mortal, ServerProcess("tests.servers.rtsp") as well:
        port = _free_port()
        text = CONFIG.format(mortal=mortal.urls["card"], well=well.urls["card"], port=port)
        before = ("prlimit", f"--nofile={LIMIT}:{LIMIT}")
        async with Ours(folder, text, before=before) as run:
            for n in range(round(times)):
                with contextlib.ExitStack() as viewers:
                    for _ in range(VIEWERS):
                        viewers.enter_context(socket.create_connection(("127.0.0.1", port)))
                    await until(lambda: run.seen("descriptors.short") > n, "descriptors.short")  # noqa: B023
                    mortal.kill()
                    await until(lambda: run.seen("source.lost") > n, "source.lost")  # noqa: B023
                    mortal.start()
                    done = run.stream("well")["captured"]
                    await until(lambda: run.stream("well")["captured"] > done + 50, "the other's")  # noqa: B023
                    found.want(run.seen("source.back") == n, "a camera that has to wait")
                await until(lambda: run.seen("descriptors.enough") > n, "descriptors.enough")  # noqa: B023
                await until(lambda: run.seen("source.back") > n, "source.back")  # noqa: B023
                await until(lambda: _healthy(port), "an answer to a viewer")
            used = run.process.num_fds()
        report = run.report()
    events = {name: report["events"].get(name, 0) for name in (
        "source.lost", "source.back", "descriptors.short", "descriptors.enough")}  # fmt: skip
    found.say(
        f"{round(times)} times {VIEWERS} viewers at {LIMIT} descriptors, {used} open after it"
    )
    found.want(set(events.values()) == {round(times)}, f"one of each event each time, got {events}")
    found.want(run.code == 0, f"a clean end, got exit code {run.code}: {run.lines()[-3:]}")
    found.want(report["balanced"], "a ledger that balances")
    found.want(report["streams"]["well"]["outages"] == 0, "no outage of the other stream")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _healthy(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=2) as viewer:
        viewer.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        with contextlib.suppress(TimeoutError):
            return b"200 OK" in viewer.recv(1024)
    return False
