"""Sends one stream to one receiver, in a process of its own.

FFmpeg holds Python's lock while it connects, and cannot be told to give up: a receiver that takes
the connection and says nothing would stop everything for minutes. Here it stops nobody, and the
kernel's alarm ends the process when it has waited too long.

Reads from its standard input a line of JSON (`Target`), then packets: `HEAD` and the data. Writes
"open" when the receiver has taken the first packet, or a line that says what went wrong.
"""

import json
import signal
import struct
import sys
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import BinaryIO

import av
from av.error import FFmpegError

TICKS = 90_000  # a second: the RTP clock of video (RFC 6184)

HEAD = struct.Struct("<qqBI")
"""Times of showing and of decoding in ticks, 1 for a keyframe, bytes of data."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send, and what.

    container  FFmpeg's muxer
    size       (width, height) in pixels
    patience   whole seconds for which the receiver may take nothing
    """

    url: str
    container: str
    options: dict[str, str]
    codec: str
    size: tuple[int, int]
    patience: int

    def line(self) -> bytes:
        """As the process reads it. Not among its arguments: the address may hold a password."""
        return json.dumps(asdict(self)).encode() + b"\n"


def main() -> None:
    """Send until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started us
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    try:
        send(Target(**json.loads(sys.stdin.buffer.readline())), sys.stdin.buffer)
    except (FFmpegError, OSError, ValueError) as error:
        say(str(getattr(error, "strerror", None) or error))
        sys.exit(1)


def send(target: Target, packets: BinaryIO) -> None:
    """Send them all; raises what FFmpeg does."""
    output = av.open(target.url, "w", format=target.container, options=target.options)
    width, height = target.size
    stream = output.add_mux_stream(target.codec, width=width, height=height)
    stream.time_base = Fraction(1, TICKS)
    first = True
    while len(head := packets.read(HEAD.size)) == HEAD.size:
        pts, dts, keyframe, size = HEAD.unpack(head)
        packet = av.Packet(packets.read(size))
        packet.pts, packet.dts, packet.time_base = pts, dts, Fraction(1, TICKS)
        packet.is_keyframe = bool(keyframe)
        packet.stream = stream
        signal.alarm(target.patience)
        output.mux_one(packet)
        signal.alarm(0)
        if first:
            say("open")
            first = False
    signal.alarm(target.patience)
    output.close()


def say(line: str) -> None:
    """Tell who started us."""
    sys.stdout.write(line.replace("\n", " ") + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
