"""A real headless Firefox, driven over Marionette with the few commands that the tests need.

Marionette is what geckodriver speaks to Firefox: JSON over TCP, each message after its length and
a colon. https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

import json
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

PREFS = 'user_pref("marionette.port", 0);'  # any free one: it prints which
LISTENS = re.compile(r"Listening on port (\d+)")


def firefox() -> str | None:
    """The Firefox of this machine, if it has one."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    """A browser with one page, from `with` to its end. Blocks: use it from a thread."""

    def __init__(self, binary: str, url: str, width: int = 1280, height: int = 800) -> None:
        self._binary = binary
        self._url = url
        self._size = [f"--width={width}", f"--height={height}"]
        self._number = 0

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        Path(self._folder.name, "user.js").write_text(PREFS, "utf-8")
        self._process = subprocess.Popen(
            [self._binary, "--headless", "--marionette", "--remote-allow-system-access",
             *self._size, "--profile", self._folder.name],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        port = next(found[1] for line in self._process.stdout if (found := LISTENS.search(line)))
        self._socket = socket.create_connection(("127.0.0.1", int(port)), timeout=60)
        self._answers = self._socket.makefile("rb")
        self._read()  # who it is
        self.call("WebDriver:NewSession")
        self.call("WebDriver:SetTimeouts", script=60_000)
        self.call("WebDriver:Navigate", url=self._url)
        return self

    def __exit__(self, *_: object) -> None:
        self.call("Marionette:Quit", flags=["eForceQuit"])
        self._answers.close()
        self._socket.close()
        self._process.communicate(timeout=20)
        self._folder.cleanup()

    def run(self, script: str) -> object:
        """What an expression gives, after its promise if it is one."""
        return self.call("WebDriver:ExecuteScript", script=f"return ({script})", args=[])["value"]

    def call(self, command: str, **params: object) -> dict:
        """What a command of Marionette gives."""
        self._number += 1
        message = json.dumps([0, self._number, command, params])
        self._socket.sendall(f"{len(message)}:{message}".encode())
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def _read(self) -> list:
        size = bytearray()
        while (byte := self._answers.read(1)) != b":":
            assert byte, "the browser has gone"
            size += byte
        return json.loads(self._answers.read(int(size)))
