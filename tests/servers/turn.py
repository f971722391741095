"""A real TURN server: coturn, on loopback, in a process of its own."""

import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import pytest

HOST = "127.0.0.1"
USER, PASSWORD = "viewer", "open sesame"
CREDENTIALS = {"username": USER, "credential": PASSWORD}


class TurnServer:
    """Runs from `with` to its end; the test is skipped where there is no coturn.

    port   of UDP, TCP, and with `--cert` and `--pkey` of TLS
    lines  what it has written to its log
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        """`folder`: where it may write; `arguments`: who may use it, a user if none are given."""
        program = shutil.which("turnserver")
        if program is None:
            pytest.skip("needs the Debian package coturn, for a real TURN server")
        self.port = _free_port()
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._command = [
            program, "-n", "--no-cli", "--no-rfc5780", "--no-dtls", "--simple-log", "--verbose",
            "--log-file=stdout", f"--pidfile={folder / 'turn.pid'}",
            f"--userdb={folder / 'turn.db'}", "--realm=framewire.test",
            f"--listening-ip={HOST}", f"--listening-port={self.port}",
            f"--tls-listening-port={self.port}", f"--relay-ip={HOST}", "--allow-loopback-peers",
            *(arguments or ("--lt-cred-mech", f"--user={USER}:{PASSWORD}")),
        ]  # fmt: skip

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        try:
            self.until(lambda lines: any("Total General servers" in line for line in lines))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reading.join()

    def url(self, transport: str = "udp") -> str:
        """Where it is asked."""
        return f"turn:{HOST}:{self.port}?transport={transport}"

    def until(self, what: Callable[[Sequence[str]], bool]) -> None:
        """Wait until its log is as wanted; looked at with each line."""
        with self._changed:
            found = self._changed.wait_for(lambda: what(self.lines), 15)
        assert found, "".join(self.lines[-20:])

    def allocated(self) -> int:
        """Relays that were given out so far."""
        return sum("ALLOCATE processed, success" in line for line in self.lines)

    def until_all_released(self) -> None:
        """Wait until no relay is held any more."""
        self.until(lambda lines: len(_sessions(lines, "ALLOCATE processed, success"))
                   == len(_sessions(lines, "delete: realm=")))  # fmt: skip

    def freeze(self) -> None:
        """Stop it where it stands: it answers no more, and its sockets stay open."""
        self._process.send_signal(signal.SIGSTOP)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as log:
            for line in log:
                with self._changed:
                    self.lines.append(line)
                    self._changed.notify_all()


def _sessions(lines: Sequence[str], what: str) -> set[str]:
    """The sessions that lines like `12: : session 0010..05: WHAT` name."""
    return {line.partition("session ")[2].partition(":")[0] for line in lines if what in line}


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
