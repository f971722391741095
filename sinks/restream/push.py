"""Pushes one stream to another server, and comes back to it when it was away."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import structlog

from sinks.restream import sender
from sinks.restream.outbox import Outbox
from sinks.restream.sender import HEAD, TICKS, Target
from sinks.restream.sequence import Sequence
from sinks.video import Subscription, Video
from stages.capture.backoff import Backoff
from stages.capture.mask import mask
from stages.lane import Packet
from stages.throttle import Throttle

log = structlog.get_logger()

FIRST_S, MOST_S = 0.2, 5.0  # seconds to wait before a receiver is called again: each is a process
PATIENCE_S = 5  # for which a receiver may take nothing
LEAVE_S = 1.0  # for a receiver to take its leave

CONTAINERS = {"rtmp": "flv", "rtmps": "flv", "rtsp": "rtsp", "rtsps": "rtsp"}
OPTIONS = {"flv": {"flvflags": "no_duration_filesize"}, "rtsp": {"rtsp_transport": "tcp"}}


class Push:
    """One stream on its way to one receiver, with a thread and a process of its own.

    sent         packets that the process has taken
    connections  that were made
    connected    the receiver takes packets, as far as we know
    """

    def __init__(self, stream: str, to: str, video: Video, *, patience_s: int = PATIENCE_S) -> None:
        """Nothing is sent yet.

        to          address, with the stream's name in it
        video       already open
        patience_s  whole seconds after which a receiver that takes nothing is given up
        """
        self.sent = self.connections = 0
        self.connected = False
        self.outbox = Outbox()
        self._stream = stream
        self._to = to
        self._video = video
        self._patience = patience_s
        self._throttle = Throttle()
        self._subscription: Subscription | None = None
        self._sender: subprocess.Popen[bytes] | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"push-{stream}", daemon=True)

    def open(self) -> None:
        """Begin, in a thread of its own."""
        self._subscription = self._video.attach(self._take)
        self._thread.start()

    def close(self) -> None:
        """Take leave of the receiver; a second later it is left as it is."""
        self._closed.set()
        if self._subscription is not None:
            self._subscription.close()
        self.outbox.close()
        self._thread.join(LEAVE_S)
        if self._thread.is_alive():
            if self._sender is not None:
                self._sender.kill()
            self._thread.join()
        log.info("restream.ended", stream=self._stream, sent=self.sent, lost=self.outbox.lost)

    def _take(self, packet: Packet) -> None:
        if not self.outbox.put(packet):
            self._want_keyframe()
            if self.connected and (held_back := self._throttle.ready()) is not None:
                log.warning("restream: the receiver is too slow", stream=self._stream,
                            lost=self.outbox.lost, held_back=held_back)  # fmt: skip

    def _want_keyframe(self) -> None:
        # Of a camera there is no asking, and it is not worth encoding what it sends meanwhile.
        if self._subscription is not None and self._video.path == "encode":
            self._subscription.want_keyframe()

    def _work(self) -> None:
        backoff = Backoff(FIRST_S, MOST_S)
        packet, lost = self.outbox.take(), False
        while packet is not None:
            began = time.monotonic()
            try:
                packet, why = self._send(packet, lost=lost)
            except OSError as error:  # no process could be started
                why = str(error)
            was_there, self.connected = self.connected, False
            if self._closed.is_set():
                return
            if why is None:  # only the video has changed
                lost = False
                continue
            wait = backoff.next(time.monotonic() - began if was_there else 0.0)
            if was_there or not lost:
                log.warning("restream.lost", stream=self._stream, to=mask(self._to),
                            error=mask(why), retry_s=round(wait, 1))  # fmt: skip
            lost = True
            if self._closed.wait(wait):
                return
            self.outbox.begin_anew()
            self._want_keyframe()
            packet = self.outbox.take()

    def _send(self, packet: Packet, *, lost: bool) -> tuple[Packet | None, str | None]:
        """Send from this keyframe on, until the receiver is lost, the video is another, or the end.

        returns  the packet with which to begin anew, None at the end; and why the receiver is lost
        """
        sequence, origin = Sequence(packet), packet.dts
        following: Packet | None = packet
        with _process() as process:
            self._sender = process
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(self._target(sequence).line())
                _write(process, packet, origin)
                _await_open(process)
                self.connections += 1
                self.connected = True
                if lost:
                    log.info("restream.back", stream=self._stream, to=mask(self._to))
                self.sent += 1
                while (following := self.outbox.take()) is not None and sequence.goes_on(following):
                    _write(process, following, origin)
                    self.sent += 1
                process.stdin.close()
                process.wait(LEAVE_S)
            except (BrokenPipeError, ConnectionResetError) as error:
                return packet, self._why(process, error)
            except subprocess.TimeoutExpired:
                process.kill()
            finally:
                with suppress(BrokenPipeError):
                    process.stdin.close()
        return following, None

    def _why(self, process: "subprocess.Popen[bytes]", error: OSError) -> str:
        """What the process says went wrong."""
        assert process.stdout is not None
        said = str(error) if error.errno is None else ""
        said = said or process.stdout.readline().decode(errors="replace").strip()
        if not said and process.wait() == -signal.SIGALRM:
            return f"it took nothing for {self._patience} s"
        return said or f"the sending process ended with {process.wait()}"

    def _target(self, sequence: Sequence) -> Target:
        container = CONTAINERS[self._to.partition("://")[0]]
        return Target(
            self._to, container, OPTIONS[container], sequence.codec, sequence.size, self._patience
        )


def _process() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-P", str(Path(sender.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )


def _await_open(process: "subprocess.Popen[bytes]") -> None:
    """Wait until the receiver has taken the first packet. Raises BrokenPipeError, with why not."""
    assert process.stdout is not None
    said = process.stdout.readline().decode(errors="replace").strip()
    if said != "open":
        raise BrokenPipeError(said)


def _write(process: "subprocess.Popen[bytes]", packet: Packet, origin: float) -> None:
    assert process.stdin is not None
    times = (round((time_ - origin) * TICKS) for time_ in (packet.pts, packet.dts))
    process.stdin.write(HEAD.pack(*times, packet.keyframe, len(packet.data)))
    process.stdin.write(packet.data)
    process.stdin.flush()
