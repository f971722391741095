"""One encode, one packetisation, any number of viewers: what aiortc has no public name for.

aiortc 1.16 takes a picture from a track for each viewer, packetises it for each and gives it a
timestamp with an origin of its own, which nobody can learn. Here a picture is split and packetised
once, and each viewer's `RTCRtpSender` sends the same payloads under the timestamp of the stream's
clock, with a sequence number, an SSRC and SRTP keys of its own. A viewer's PLI or FIR reaches
whoever makes the pictures. Every private name of aiortc and aioice that framewire uses stands in
this file; tests/sinks/webrtc/test_sender.py notices when one of them goes.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any

from aiortc import RTCRtpSender, clock
from aiortc.codecs import CODECS
from aiortc.codecs.h264 import H264Encoder
from aiortc.rtcrtpparameters import (
    RTCRtcpFeedback,
    RTCRtpCodecCapability,
    RTCRtpCodecParameters,
)
from aiortc.rtp import HeaderExtensions

from sinks.webrtc.datagrams import Datagrams
from sinks.webrtc.outbox import Outbox, Picture

KEPT = 512
"""Packets kept for a viewer who asks again: 1.7 s of 3 Mbit/s, where aiortc keeps 128."""
BURST = 64  # packets
PAUSE_S = 0.005
"""After each burst, so that a keyframe, or a group of pictures at the start, does not overrun the
buffers on its way: 133 Mbit/s."""
UNSENT = 256 * 1024
"""Bytes that the system has not taken yet, above which a viewer's pictures wait."""
MORE_PROFILES = ("4d001f", "64001f")  # Main and High, which cameras send; aiortc has 42001f, 42e01f
_HEADER = Struct("!BBHLL")
_EXTENSION = Struct("!HH")
_SEQUENCE = Struct("!H")


def payloads(annexb: bytes) -> tuple[bytes, ...]:
    """The RTP payloads of one H.264 access unit in Annex B form, packetization-mode 1."""
    return tuple(H264Encoder._packetize(H264Encoder._split_bitstream(annexb)))


def h264() -> list[RTCRtpCodecCapability]:
    """H.264 and its retransmission, for `RTCRtpTransceiver.setCodecPreferences`.

    It must be called before `setRemoteDescription`, or aiortc settles on VP8.
    """
    _know_more_profiles()
    wanted = ("video/h264", "video/rtx")
    known = RTCRtpSender.getCapabilities("video").codecs
    return [one for one in known if one.mimeType.lower() in wanted]


def _know_more_profiles() -> None:
    known = {codec.parameters.get("profile-level-id") for codec in CODECS["video"]}
    for profile in MORE_PROFILES:
        if profile in known:
            continue
        number = 1 + max(codec.payloadType or 0 for codec in CODECS["video"])
        feedback = [("nack", None), ("nack", "pli"), ("goog-remb", None)]
        CODECS["video"] += [
            RTCRtpCodecParameters(
                mimeType="video/H264",
                clockRate=90_000,
                payloadType=number,
                rtcpFeedback=[RTCRtcpFeedback(kind, parameter) for kind, parameter in feedback],
                parameters={
                    "level-asymmetry-allowed": "1",
                    "packetization-mode": "1",
                    "profile-level-id": profile,
                },
            ),
            RTCRtpCodecParameters(
                mimeType="video/rtx",
                clockRate=90_000,
                payloadType=number + 1,
                parameters={"apt": number},
            ),
        ]


class FanOutSender:
    """Sends what comes into an outbox through one viewer's `RTCRtpSender`, in place of its track.

    sent  pictures that went out
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
        connected      called once, when sending can begin
        """
        self.sent = 0
        self._sender = sender
        self._way = _Way(sender)
        self._outbox = outbox
        self._going_out = going_out
        self._connected = connected
        self._kept: deque[tuple[int, int, int, bytes]] = deque(maxlen=KEPT)
        self._payload_type = 0
        self._sequence = clock.current_ntp_time() & 0x7FFF  # the lower half, as aiortc: RFC 3711
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
        _of(self._sender, "rtp_started").set()
        self._payload_type = codec.payloadType or 0
        self._connected()
        try:
            while True:
                picture = await self._outbox.take()
                while self._way.unsent() > UNSENT:  # noqa: ASYNC110 - no event of asyncio's tells
                    await asyncio.sleep(5 * PAUSE_S)
                self._going_out(picture)
                await self._send(picture)
                self.sent += 1
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self._way.close()
            _of(self._sender, "rtp_exited").set()

    async def _send(self, picture: Picture) -> None:
        first, extension = self._extension()
        ssrc, last, size = self._sender._ssrc, len(picture.payloads) - 1, 0
        burst: list[bytes] = []
        for index, payload in enumerate(picture.payloads):
            sequence = self._sequence
            self._sequence = (sequence + 1) & 0xFFFF
            marked = self._payload_type | (0x80 if index == last else 0)
            self._kept.append((sequence, marked, picture.rtp, payload))
            head = _HEADER.pack(first, marked, sequence, picture.rtp, ssrc)
            burst.append(head + extension + payload)
            size += len(payload)
            if len(burst) == BURST and index != last:
                self._way.send(burst)
                burst = []
                await asyncio.sleep(PAUSE_S)
        self._way.send(burst)
        sender = self._sender
        _set(sender, "ntp_timestamp", clock.current_ntp_time())
        _set(sender, "rtp_timestamp", picture.rtp)
        _set(sender, "octet_count", _of(sender, "octet_count") + size)
        _set(sender, "packet_count", _of(sender, "packet_count") + last + 1)

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
        values = HeaderExtensions()
        values.abs_send_time = (clock.current_ntp_time() >> 14) & 0x00FFFFFF
        values.mid = _of(self._sender, "mid")
        profile, body = _of(self._sender, "rtp_header_extensions_map").set(values)
        if not body:
            return 0x80, b""
        return 0x90, _EXTENSION.pack(profile, len(body) >> 2) + bytes(body)


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
