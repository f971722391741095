"""framewire in a process of its own, to be killed, starved and lied to; seen by its report on disk.

The report is written once a second, so what is seen here is up to a second old.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import psutil

from tests.chaos.fault import until
from tests.pipeline.running import STAGES
from tests.servers.process import ROOT

SETTLE_S = 60.0  # until a process has started and written, on a machine that is busy


class Ours:
    """`framewire run` over a config, from `async with` to its end, which must be a clean one.

    before       what its command line begins with, such as `nice -n 5`
    environment  added to ours
    """

    def __init__(
        self,
        folder: Path,
        text: str,
        *,
        before: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.log = folder / "said.log"
        self._report = folder / "report.json"
        self._config = folder / "config.yaml"
        self._config.write_text(text.replace("{stages}", str(STAGES)))
        self._before = before
        self._environment = environment or {}
        self.code: int | None = None

    async def __aenter__(self) -> Self:
        command = [*self._before, sys.executable, "-m", "pipeline", "run", str(self._config)]
        self._process = await asyncio.to_thread(self._start, command)
        try:
            await until(self._has_written, f"a first result ({self.log})", SETTLE_S)
        except BaseException:
            self.kill()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.code is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await until(lambda: self._process.poll() is not None, "an end within 20 s", 20)
            finally:
                self.kill()

    @property
    def process(self) -> psutil.Process:
        """The process itself."""
        return psutil.Process(self._process.pid)

    def kill(self) -> None:
        """End it with SIGKILL, unless it has ended."""
        self._process.kill()
        self.code = self._process.wait()

    def report(self) -> dict[str, Any]:
        """Its last report."""
        report: dict[str, Any] = json.loads(self._report.read_text())
        return report

    def seen(self, name: str) -> int:
        """How often an event has happened."""
        return int(self.report()["events"].get(name, 0))

    def done(self, node: str) -> int:
        """Frames that a node has finished."""
        return int(self.report()["nodes"][node]["total"]["done"])

    def stream(self, name: str) -> dict[str, Any]:
        """What its last report says of a stream."""
        stream: dict[str, Any] = self.report()["streams"][name]
        return stream

    def said(self, event: str) -> int:
        """How often its log says this: that can be seen when it can write no report."""
        return self.log.read_text(errors="replace").count(f'"event": "{event}"')

    def lines(self) -> list[str]:
        """What it has said that a person should look at: errors and tracebacks."""
        said = self.log.read_text(errors="replace").splitlines()
        return [line for line in said if '"level": "error"' in line or "Traceback" in line]

    def _start(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        with self.log.open("wb") as out:
            return subprocess.Popen(
                [*command, "--report", str(self._report), "--no-table"],
                cwd=ROOT, env=os.environ | self._environment, stdout=out, stderr=out,
            )  # fmt: skip

    def _has_written(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"wanted a run, got: {self.log.read_text()[-2000:]}")
        return self._report.exists() and self.report()["first_result_s"] is not None
