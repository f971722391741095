"""A real MQTT broker (Eclipse Mosquitto) on loopback."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

HOST = "127.0.0.1"
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


class Broker:
    """A process that can be killed, stopped, and started again on its port."""

    def __init__(self, folder: Path, *, users: Path | None = None, tls: Path | None = None) -> None:
        found = shutil.which("mosquitto", path=PLACES)
        if found is None:
            pytest.skip("needs the broker mosquitto (Debian: mosquitto)")
        self.port = _free_port()
        lines = [
            f"listener {self.port} {HOST}",
            "persistence false",
            "set_tcp_nodelay true",
            "user root" if os.getuid() == 0 else "",
            "allow_anonymous true"
            if users is None
            else f"allow_anonymous false\npassword_file {users}",
            "" if tls is None else f"certfile {tls}\nkeyfile {tls}",
        ]
        self._config = folder / f"mosquitto-{self.port}.conf"
        self._config.write_text("\n".join(lines))
        self._command = [found, "-c", str(self._config)]
        self._process: subprocess.Popen[bytes] | None = None

    def _spawn(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    async def start(self) -> None:
        self._spawn()
        async with asyncio.timeout(20):
            while True:
                try:
                    _, writer = await asyncio.open_connection(HOST, self.port)
                except OSError:
                    assert self._alive(), "the broker did not start"
                    await asyncio.sleep(0.01)
                else:
                    writer.transport.abort()
                    return

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def running(
    folder: Path, *, users: Path | None = None, tls: Path | None = None
) -> AsyncIterator[Broker]:
    broker = Broker(folder, users=users, tls=tls)
    await broker.start()
    try:
        yield broker
    finally:
        broker.kill()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port
