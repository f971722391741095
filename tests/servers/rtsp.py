"""A small RTSP server for the tests: H.264 over TCP or UDP, in real time, with RTCP sender reports.

Every player gets the program of its path from the beginning, in a loop. Loopback only.

python -m tests.servers.rtsp --port 0 --clip FILE     prints its address and serves until killed
"""

import argparse
import asyncio
import base64
import contextlib
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from aiortc.codecs.h264 import H264Encoder

from tests.servers.program import Program, Unit, card_program, clip_program

HOST = "127.0.0.1"
CLOCK = 90_000  # Hz, RFC 6184
NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970, RFC 868
PAYLOAD_TYPE, SSRC = 96, 0x46574952
REPORT_EVERY = 1.0  # seconds between sender reports


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong on purpose.

    hang_up_after  pictures after which the connection is closed
    stall_after    pictures after which nothing more is sent, on a connection that stays open
    mute           take the connection and never say a word
    lose_every     leave out every nth RTP packet
    flip_every     turn a bit in the middle of every nth RTP packet
    no_sets        leave the parameter sets out of the session's description
    no_reports     send no sender reports
    skew           seconds by which the sender's clock is ahead
    """

    hang_up_after: int | None = None
    stall_after: int | None = None
    mute: bool = False
    lose_every: int | None = None
    flip_every: int | None = None
    no_sets: bool = False
    no_reports: bool = False
    skew: float = 0.0


@dataclass(slots=True)
class RtspServer:
    """Serves programs by path.

    auth   "user:password" that every request must bring
    began  for each PLAY, the sender's clock at the first picture of the program, in UTC seconds
    """

    programs: Mapping[str, Program]
    faults: Faults = Faults()
    auth: str | None = None
    port: int = 0
    began: list[float] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _players: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for player in tuple(self._players):
            player.cancel()
        await asyncio.gather(*self._players, return_exceptions=True)

    def url(self, path: str = "card") -> str:
        """Where a program is played from; without the password."""
        return f"rtsp://{HOST}:{self.port}/{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._players.add(task)
        session = Session(self, writer)
        try:
            while (request := await _read(reader)) is not None:
                if not self.faults.mute and not await session.answer(*request):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            await session.close()
            self._players.discard(task)
            writer.close()


class Session:
    """One player's connection."""

    def __init__(self, server: RtspServer, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._writer = writer
        self._udp: tuple[asyncio.DatagramTransport, asyncio.DatagramTransport] | None = None
        self._playing: asyncio.Task[None] | None = None

    async def answer(self, method: str, url: str, headers: Mapping[str, str]) -> bool:
        """Do what one request asks for; False when the session is over."""
        reply = self._reply
        cseq = headers.get("cseq", "0")
        path = urlsplit(url).path.strip("/").removesuffix("/track")
        program = self._server.programs.get(path)
        wanted = self._server.auth
        if wanted and headers.get("authorization") != f"Basic {_b64(wanted.encode())}":
            reply(cseq, "401 Unauthorized", {"WWW-Authenticate": 'Basic realm="test"'})
        elif method == "OPTIONS":
            reply(cseq, "200 OK", {"Public": "DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"})
        elif program is None:
            reply(cseq, "404 Not Found", {})
        elif method == "DESCRIBE":
            sdp = _describe(program, with_sets=not self._server.faults.no_sets)
            reply(
                cseq, "200 OK", {"Content-Base": url + "/", "Content-Type": "application/sdp"}, sdp
            )
        elif method == "SETUP":
            transport = await self._set_up(headers.get("transport", ""))
            reply(cseq, "200 OK", {"Transport": transport, "Session": "1;timeout=60"})
        elif method == "PLAY":
            reply(cseq, "200 OK", {"Session": "1", "Range": "npt=0.000-"})
            self._playing = asyncio.create_task(self._play(program))
        else:
            reply(cseq, "200 OK", {"Session": "1"})
            return method != "TEARDOWN"
        return True

    async def close(self) -> None:
        """Stop playing."""
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)
        for transport in self._udp or ():
            transport.close()

    def _reply(self, cseq: str, status: str, headers: Mapping[str, str], body: str = "") -> None:
        lines = [f"RTSP/1.0 {status}", f"CSeq: {cseq}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}"] if body else []
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    async def _set_up(self, transport: str) -> str:
        if "TCP" in transport:
            return "RTP/AVP/TCP;unicast;interleaved=0-1"
        ports = transport.partition("client_port=")[2].partition(";")[0].split("-")
        loop = asyncio.get_running_loop()
        (rtp, _), (rtcp, _) = [
            await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, (HOST, 0), remote_addr=(HOST, int(port))
            )
            for port in ports
        ]
        self._udp = (rtp, rtcp)
        ours = "-".join(str(one.get_extra_info("sockname")[1]) for one in self._udp)
        return f"RTP/AVP;unicast;client_port={'-'.join(ports)};server_port={ours}"

    def _send(self, channel: int, data: bytes) -> None:
        if self._udp is not None:
            self._udp[channel].sendto(data)
        else:
            self._writer.write(struct.pack("!cBH", b"$", channel, len(data)) + data)

    async def _play(self, program: Program) -> None:
        faults, sequence = self._server.faults, 0
        began, reported = time.monotonic(), 0.0
        wall = time.time() + faults.skew
        self._server.began.append(wall)
        for sent, (loop, unit) in enumerate(_forever(program)):
            await asyncio.sleep(began + loop + unit.dts - time.monotonic())
            now = time.monotonic() - began
            if not faults.no_reports and (not sent or now - reported >= REPORT_EVERY):
                reported = now
                self._send(1, _report(wall + now, now))
            payloads = H264Encoder._packetize(unit.nals)
            for number, payload in enumerate(payloads, 1):
                sequence += 1
                last, ticks = number == len(payloads), round((loop + unit.pts) * CLOCK)
                if faults.lose_every is None or sequence % faults.lose_every:
                    if faults.flip_every and sequence % faults.flip_every == 0:
                        payload = _flipped(payload)  # noqa: PLW2901
                    self._send(0, _rtp(sequence, ticks, marker=last) + payload)
            if sent + 1 == faults.stall_after:
                await asyncio.Event().wait()
            if sent + 1 == faults.hang_up_after:
                self._writer.close()
                return
            await self._writer.drain()


async def _read(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]] | None:
    """The next request of a player: method, URL, headers. Its RTCP packets are passed over."""
    while (first := await reader.read(1)) == b"$":
        _, length = struct.unpack("!BH", await reader.readexactly(3))
        await reader.readexactly(length)
    if not first:
        return None
    head = (first + await reader.readuntil(b"\r\n\r\n")).decode()
    request, *lines = head.split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    await reader.readexactly(int(headers.get("content-length", 0)))
    method, url, _ = request.split(" ", 2)
    return method, url, headers


def _forever(program: Program) -> Iterator[tuple[float, Unit]]:
    """The program's pictures over and over, each with the start of its round in seconds."""
    loop = 0.0
    while True:
        for unit in program.units:
            yield loop, unit
        loop += program.duration


def _rtp(sequence: int, ticks: int, *, marker: bool) -> bytes:
    second = PAYLOAD_TYPE | marker << 7
    return struct.pack("!BBHII", 0x80, second, sequence & 0xFFFF, ticks & 0xFFFFFFFF, SSRC)


def _report(wall: float, now: float) -> bytes:
    """An RTCP sender report, RFC 3550 section 6.4.1: the sender's clock beside the RTP clock."""
    seconds = wall + NTP_EPOCH
    ntp = int(seconds) & 0xFFFFFFFF, int(seconds % 1 * 2**32)
    return struct.pack(
        "!BBHIIIIII", 0x80, 200, 6, SSRC, *ntp, round(now * CLOCK) & 0xFFFFFFFF, 0, 0
    )


def _flipped(payload: bytes) -> bytes:
    middle = len(payload) // 2
    return payload[:middle] + bytes([payload[middle] ^ 0x10]) + payload[middle + 1 :]


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _describe(program: Program, *, with_sets: bool) -> str:
    sets = f";sprop-parameter-sets={_b64(program.sps)},{_b64(program.pps)}" if with_sets else ""
    return "\r\n".join(
        [
            "v=0",
            f"o=- 0 0 IN IP4 {HOST}",
            "s=test",
            f"c=IN IP4 {HOST}",
            "t=0 0",
            "a=control:*",
            f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
            f"a=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK}",
            f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1{sets}",
            "a=control:track",
            "",
        ]
    )


async def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.servers.rtsp", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--clip", type=Path, help="an H.264 file, served as /clip")
    parser.add_argument("--size", default="320x240", help="of the test card, served as /card")
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--auth", help="user:password")
    parser.add_argument("--skew", type=float, default=0.0)
    for name in ("hang-up-after", "stall-after", "lose-every", "flip-every"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--mute", action="store_true")
    told = parser.parse_args()
    width, height = map(int, told.size.split("x"))
    programs = {"card": card_program((width, height), told.fps)}
    if told.clip:
        programs["clip"] = clip_program(told.clip)
    faults = Faults(
        told.hang_up_after,
        told.stall_after,
        told.mute,
        told.lose_every,
        told.flip_every,
        skew=told.skew,
    )
    async with RtspServer(programs, faults, told.auth, told.port) as server:
        for path in programs:
            print(server.url(path))
        print(flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main())
