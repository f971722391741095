"""One encode, one packetisation, any number of viewers: what aiortc has no public name for.

aiortc 1.16 takes a picture from a track for each viewer, packetises it for each and gives it a
timestamp with an origin of its own, which nobody can learn. Here a picture is split and packetised
once, and each viewer's `RTCRtpSender` sends the same payloads under the timestamp of the stream's
clock, with a sequence number, an SSRC and SRTP keys of its own. A viewer's PLI or FIR reaches
whoever makes the pictures. Every private name of aiortc and aioice that framewire uses stands in
this file, or, of ICE, in stages/capture/ice.py; tests notice when one of them goes.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from secrets import randbelow
from struct import Struct
from typing import Any

from aiortc import RTCPeerConnection, RTCRtpSender, clock
from aiortc.codecs.h264 import NAL_TYPE_FU_A, PACKET_MAX, H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcsctptransport import Chunk
from aiortc.rtp import HeaderExtensions

from sinks.webrtc.datagrams import Datagrams
from sinks.webrtc.outbox import Outbox, Picture
from stages.capture.ice import transports

KEPT = 512
"""Packets kept for a viewer who asks again: 1.7 s of 3 Mbit/s, where aiortc keeps 128."""
BURST = 64  # packets
PAUSE_S = 0.005
"""After each burst, so that a keyframe, or a group of pictures at the start, does not overrun the
buffers on its way: 133 Mbit/s."""
UNSENT = 256 * 1024
"""Bytes that the system has not taken yet, above which a viewer's pictures wait."""
_HEADER = Struct("!BBHLL")
_EXTENSION = Struct("!HH")
_SEQUENCE = Struct("!H")
CLOSING_S = 10.0  # for ICE, which looks every 20 ms whether it is to end
_BEGUN = "_RTCIceTransport__start"
_MARK = b"\xf5\x0a\x5f"


def payloads(annexb: bytes) -> tuple[bytes, ...]:
    """The RTP payloads of one H.264 access unit in Annex B form, packetization-mode 1."""
    parts: list[bytes] = []
    small: list[bytes] = []
    for unit in H264Encoder._split_bitstream(annexb):
        if len(unit) <= PACKET_MAX:
            small.append(unit)
        else:
            parts += H264Encoder._packetize(small)
            parts += fragments(unit)
            small = []
    return (*parts, *H264Encoder._packetize(small))


def fragments(unit: bytes) -> list[bytes]:
    """A NAL unit as FU-A (RFC 6184, section 5.8), all of one size but the last, which is shorter.

    aiortc's have two sizes; those of one leave in one call of the system: see `datagrams`.
    """
    number = -(-(len(unit) - 1) // (PACKET_MAX - 2))
    size = -(-(len(unit) - 1) // number)
    starts = range(1, len(unit), size)
    heads = [unit[0] & 0x1F] * len(starts)
    heads[0] |= 0x80
    heads[-1] |= 0x40
    indicator = unit[0] & 0xE0 | NAL_TYPE_FU_A
    return [
        bytes((indicator, head)) + unit[at : at + size]
        for head, at in zip(heads, starts, strict=True)
    ]


def vp8_payloads(data: bytes, number: int) -> tuple[bytes, ...]:
    """The RTP payloads of one VP8 picture (RFC 7741); `number` counts the pictures."""
    return tuple(Vp8Encoder._packetize(data, number & 0x7FFF))


class FanOutSender:
    """Sends what comes into an outbox through one viewer's `RTCRtpSender`, in place of its track.

    sent        pictures that went out
    sent_bytes  of their video, without headers and without what was sent again
    """

    def __init__(
        self,
        sender: RTCRtpSender,
        outbox: Outbox,
        want_keyframe: Callable[[], None],
        going_out: Callable[[Picture], None],
        connected: Callable[[], None],
    ) -> None:
        """Take over a sender that has not begun.

        want_keyframe  called for each PLI and FIR
        going_out      called before each picture that is sent
        connected      called once, when sending begins
        """
        self.sent = self.sent_bytes = 0
        self._sender = sender
        self._way = _Way(sender)
        self._outbox = outbox
        self._going_out = going_out
        self._connected = connected
        self._kept: deque[tuple[int, int, int, bytes]] = deque(maxlen=KEPT)
        self._ready: list[bytes] = []  # packets of the picture that is going out
        self._running = False
        self._pause: asyncio.TimerHandle | None = None
        self._form: tuple[int, bytes, bytes] | tuple[int, bytes] = (0x80, b"")
        self._payload_type = 0
        self._sequence = randbelow(1 << 15)  # the lower half, as aiortc: SRTP's first wrap is far
        for name, own in (
            ("_run_rtp", self._run),
            ("_send_keyframe", want_keyframe),
            ("_retransmit", self._retransmit),
        ):
            if not callable(getattr(sender, name)):
                raise TypeError(f"aiortc: wanted RTCRtpSender.{name}, got none")
            setattr(sender, name, own)

    async def _run(self, codec: RTCRtpCodecParameters) -> None:
        """In place of `RTCRtpSender._run_rtp`: as long as the viewer is there."""
        self._payload_type = codec.payloadType or 0
        self._form = self._form_of_extensions()
        self._running = True
        self._connected()
        self._outbox.on_news = self._send
        _of(self._sender, "rtp_started").set()
        self._send()
        try:
            await asyncio.get_running_loop().create_future()  # until it is cancelled
        except asyncio.CancelledError:
            pass
        finally:
            self._stop()
            _of(self._sender, "rtp_exited").set()

    def _stop(self) -> None:
        self._running = False
        self._outbox.on_news = None
        if self._pause is not None:
            self._pause.cancel()
        self._way.close()

    def _send(self) -> None:
        """Send what waits, a burst at a time. It needs no task: that would cost as much again."""
        while self._running and self._pause is None:
            if not self._ready:
                picture = self._outbox.take()
                if picture is None:
                    return
                self._going_out(picture)
                self._ready = self._packets(picture)
                self.sent += 1
            try:
                self._way.send(self._ready[:BURST])
            except ConnectionError:  # aiortc finds that out too, and ends the session
                self._stop()
                return
            more = len(self._ready) >= BURST
            self._ready = self._ready[BURST:]
            if more or self._way.unsent() > UNSENT:
                self._pause = asyncio.get_running_loop().call_later(PAUSE_S, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        if self._way.unsent() > UNSENT:
            self._pause = asyncio.get_running_loop().call_later(4 * PAUSE_S, self._go_on)
        else:
            self._send()

    def _packets(self, picture: Picture) -> list[bytes]:
        """The RTP packets of a picture, before SRTP; kept for who asks again."""
        sender, parts = self._sender, picture.payloads
        first, extension = self._extension()
        ssrc, last, kept = sender._ssrc, len(parts) - 1, self._kept
        packets, sequence, marked = [], self._sequence, self._payload_type
        for index, payload in enumerate(parts):
            if index == last:
                marked |= 0x80
            kept.append((sequence, marked, picture.rtp, payload))
            head = _HEADER.pack(first, marked, sequence, picture.rtp, ssrc)
            packets.append(head + extension + payload)
            sequence = (sequence + 1) & 0xFFFF
        self._sequence = sequence
        _set(sender, "ntp_timestamp", clock.current_ntp_time())
        _set(sender, "rtp_timestamp", picture.rtp)
        self.sent_bytes += picture.size
        _set(sender, "octet_count", _of(sender, "octet_count") + picture.size)
        _set(sender, "packet_count", _of(sender, "packet_count") + len(parts))
        return packets

    async def _retransmit(self, sequence: int) -> None:
        """In place of `RTCRtpSender._retransmit`: RFC 4588 where it was agreed on."""
        if not self._kept:
            return
        first = self._kept[0][0]
        index = (sequence - first) & 0xFFFF  # they follow each other
        if index >= len(self._kept):
            return
        _, marked, rtp, payload = self._kept[index]
        sender = self._sender
        first, extension = self._extension()
        again = _of(sender, "rtx_payload_type")
        if again is None:
            head = _HEADER.pack(first, marked, sequence, rtp, sender._ssrc)
        else:
            number = _of(sender, "rtx_sequence_number")
            _set(sender, "rtx_sequence_number", (number + 1) & 0xFFFF)
            head = _HEADER.pack(first, marked & 0x80 | again, number, rtp, sender._rtx_ssrc)
            payload = _SEQUENCE.pack(sequence) + payload
        self._way.send([head + extension + payload])

    def _extension(self) -> tuple[int, bytes]:
        """The first byte of a packet that is sent now, and its extension: mid, time of sending."""
        now = (int(time.time() * (1 << 18)) & 0xFFFFFF).to_bytes(3, "big")  # 1900 is 0 modulo 64 s
        return self._form[0], now.join(self._form[1:])

    def _form_of_extensions(self) -> tuple[int, bytes, bytes] | tuple[int, bytes]:
        """The first byte of all packets, and what stands before and after the time of sending."""
        values = HeaderExtensions()
        values.abs_send_time = int.from_bytes(_MARK, "big")
        values.mid = _of(self._sender, "mid")
        profile, body = _of(self._sender, "rtp_header_extensions_map").set(values)
        if not body:
            return 0x80, b""
        before, *after = bytes(body).split(_MARK, 1)
        head = _EXTENSION.pack(profile, len(body) >> 2)
        return (0x90, head + before, after[0]) if after else (0x90, head + before)


def lose_messages_with(peer: RTCPeerConnection) -> None:
    """Let what SCTP sends to a viewer who has just gone be lost, as the viewer is.

    aiortc sends it in tasks that nobody waits for, each of which would be logged as a failure. That
    the viewer has gone is learned from the state of the connection.
    """
    if (sctp := peer.sctp) is None:
        return
    send = sctp._send_chunk

    async def send_if_there(chunk: Chunk) -> None:
        with suppress(ConnectionError):
            await send(chunk)

    setattr(sctp, "_send_chunk", send_if_there)  # noqa: B010 - a method, to mypy


async def close(peer: RTCPeerConnection) -> None:
    """Close a connection, also one that is just being made. Can be called again.

    When DTLS completes meanwhile, aiortc would begin to send, for ever; so nothing begins any more.
    When ICE does, aioice would ask for ever whether the viewer is still there.
    """
    ways = transports(peer)
    begun: dict[object, asyncio.Event | None] = {one: getattr(one, _BEGUN) for one in ways}
    beginning = {one: "start" for one in (*ways, peer.sctp) if one is not None}
    for one, name in (beginning | dict.fromkeys(peer.getSenders(), "send")).items():
        setattr(one, name, _begin_nothing)
    await peer.close()
    for transport in ways:
        if (event := begun[transport]) is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), CLOSING_S)
        if (asking := transport._connection._query_consent_task) is not None:
            asking.cancel()
        await transport._connection.close()


async def _begin_nothing(*_: object) -> None:
    """In place of what would begin on a connection that is being closed."""


class _Way:
    """Where a viewer's packets go: through SRTP, to the address that ICE has found."""

    def __init__(self, sender: RTCRtpSender) -> None:
        self._sender = sender
        self._datagrams: Datagrams | None = None
        self._pair: object = None

    def send(self, packets: Sequence[bytes]) -> None:
        """Send RTP packets. Raises ConnectionError when the viewer has gone."""
        transport = self._sender.transport
        pair = transport.transport._connection._nominated.get(1)
        if pair is None or transport.state != "connected":
            raise ConnectionError("the viewer has gone")
        if pair is not self._pair:
            self.close()
            self._pair, self._datagrams = pair, Datagrams(pair.protocol.transport)
        assert self._datagrams is not None
        protect = transport._tx_srtp.protect
        self._datagrams.send([protect(packet) for packet in packets], pair.remote_addr)

    def unsent(self) -> int:
        """Bytes that the system has not taken yet."""
        return 0 if self._datagrams is None else self._datagrams.unsent()

    def close(self) -> None:
        if self._datagrams is not None:
            self._datagrams.close()
        self._datagrams = self._pair = None


def _of(sender: RTCRtpSender, name: str) -> Any:
    return getattr(sender, f"_RTCRtpSender__{name}")


def _set(sender: RTCRtpSender, name: str, value: int) -> None:
    setattr(sender, f"_RTCRtpSender__{name}", value)
