"""A test server in a process of its own, so that it can be killed, frozen and started again."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]


class ServerProcess:
    """`python -m MODULE --port P ARGUMENTS`, from `with` to its end.

    urls  what it serves, by the last part of the path
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self.urls: dict[str, str] = {}
        self._module = module
        self._arguments = arguments
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, again on the same port if it has run before; returns when it listens."""
        command = [sys.executable, "-m", self._module, "--port", str(self._port), *self._arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for line in self._lines():
            url = line.strip()
            self.urls[urlsplit(url).path.rpartition("/")[2]] = url
        self._port = urlsplit(next(iter(self.urls.values()))).port or 0

    def kill(self) -> None:
        """End it as a power failure would."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def freeze(self) -> None:
        """Stop it where it stands; its connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def _lines(self) -> list[str]:
        """What it prints before it serves: lines up to an empty one."""
        assert self._process is not None
        assert self._process.stdout is not None
        lines: list[str] = []
        for line in self._process.stdout:
            if line == "\n":
                return lines
            lines.append(line)
        self.kill()
        raise RuntimeError(f"{self._module}: wanted its addresses, got {lines}")
