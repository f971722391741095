"""Somebody to whom streams are pushed over RTSP or RTMP: a process that can be killed and frozen.

python -m tests.sinks.restream.receiver URL     says of each picture its connection, its number on
the test card, its time in seconds, and its width
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Self

import av
from av.error import FFmpegError

from stages.capture.testcard import read_counter
from stages.picture import Picture

ROOT = Path(__file__).parents[3]
LISTEN = {"rtsp": {"rtsp_flags": "listen", "listen_timeout": "30"}, "rtmp": {"listen": "1"}}


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture that arrived; `pts` is None where RTSP has not said."""

    connection: int
    number: int
    pts: float | None
    width: int


class Receiver:
    """Listens at `url`, from `with` to its end."""

    def __init__(self, kind: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as one:
            port = one.getsockname()[1]
        self.url = f"{kind}://127.0.0.1:{port}/live/a"
        self.seen: list[Seen] = []
        self._more = threading.Condition()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Begin to listen, with nothing seen."""
        self.seen = []
        command = [sys.executable, "-m", "tests.sinks.restream.receiver", self.url]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def kill(self) -> None:
        """End it as a power failure would."""
        self._process.kill()
        self._process.wait()
        self._thread.join()

    def freeze(self) -> None:
        """Stop it where it stands, with its connection open."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def wait(self, pictures: int, seconds: float = 20) -> list[Seen]:
        """So many pictures, or more."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.seen) >= pictures, seconds), self.seen
            return list(self.seen)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if not line.endswith("\n"):  # it was killed in the middle of it
                    return
                connection, number, pts, width = line.split()
                told = None if pts == "None" else float(pts)
                with self._more:
                    self.seen.append(Seen(int(connection), int(number), told, int(width)))
                    self._more.notify_all()


def main(url: str) -> None:
    for connection in count():
        with suppress(FFmpegError), av.open(url, options=LISTEN[url[:4]]) as container:
            for frame in container.decode(video=0):
                number = read_counter(Picture.from_av(frame))
                print(connection, number, frame.time, frame.width, flush=True)
        time.sleep(0.02)  # where it cannot listen yet


if __name__ == "__main__":
    main(sys.argv[1])
