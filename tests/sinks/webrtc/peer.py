"""A real WebRTC peer that watches, over loopback."""

import asyncio
from collections.abc import Callable
from typing import Self

import httpx
from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.rtp import RtcpPsfbPacket, RtpPacket

from sinks.webrtc.overlay_message import OverlayMessage, decode
from stages.capture.testcard import read_counter
from stages.picture import Picture

SDP = {"content-type": "application/sdp"}


async def offer(kind: str = "video") -> str:
    """An offer to watch, as aiortc makes it."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver(kind, direction="recvonly")
    try:
        return (await peer.createOffer()).sdp
    finally:
        await peer.close()


class Peer:
    """Watches a stream through WHEP.

    place     where its session is
    packets   of RTP, in the order in which they came: (timestamp, sequence number, marker)
    again     sequence numbers of those that were sent again
    messages  of the overlay channel
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        stream: str = "a",
        lose_every: int = 0,
        codec: str = "",
        relay: RTCIceServer | None = None,
    ) -> None:
        """Come to watch.

        lose_every  every so many packets one does not arrive
        codec       all that it takes
        relay       the TURN server beside which it has no way to us, nor we to it
        """
        self.place = ""
        self.media = 0
        self.packets: list[tuple[int, int, int]] = []
        self.again: list[int] = []
        self.messages: list[OverlayMessage] = []
        self.frames = 0
        self._client = client
        self._stream = stream
        self._lose_every = lose_every
        self._relayed = relay is not None
        self.connection = RTCPeerConnection(
            RTCConfiguration(
                [] if relay is None else [relay],
                iceTransportPolicy=RTCIceTransportPolicy.RELAY
                if self._relayed
                else RTCIceTransportPolicy.ALL,
            )
        )
        self.video = self.connection.addTransceiver("video", direction="recvonly")
        if codec:
            self.video.setCodecPreferences([
                one for one in RTCRtpReceiver.getCapabilities("video").codecs
                if one.mimeType.lower() in {f"video/{codec}", "video/rtx"}
            ])  # fmt: skip
        self._watch_packets()
        self._news = asyncio.Event()
        channel = self.connection.createDataChannel("overlay", ordered=False, maxRetransmits=0)
        channel.on("message", self._hear)

    async def __aenter__(self) -> Self:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        offer = self.connection.localDescription.sdp
        answer = await self._client.post(f"/whep/{self._stream}", content=offer, headers=SDP)
        assert answer.status_code == 201, answer.text
        self.place = answer.headers["location"]
        self.answer = answer.text
        self.media = int(answer.text.split("a=ssrc:")[1].split()[0])
        lines = self.answer.splitlines(keepends=True)
        known = "".join(one for one in lines if not (self._relayed and " typ host" in one))
        await self.connection.setRemoteDescription(RTCSessionDescription(known, "answer"))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()

    async def number(self) -> int | None:
        """The number on the next picture."""
        frame = await asyncio.wait_for(self.video.receiver.track.recv(), 10)
        self.frames += 1
        return read_counter(Picture.from_av(frame))

    async def plead(self, kind: int) -> None:
        """Ask for a keyframe: PLI or FIR."""
        receiver = self.video.receiver
        packet = RtcpPsfbPacket(kind, receiver._RTCRtpReceiver__rtcp_ssrc, self.media)
        await receiver.transport._send_rtp(bytes(packet))

    async def miss(self, sequence: int) -> None:
        """Say that a packet has not come."""
        await self.video.receiver._send_rtcp_nack(self.media, [sequence])

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait until `what()` is true; looked at whenever something comes."""
        async with asyncio.timeout(10):
            while not what():
                self._news.clear()
                await self._news.wait()

    def _hear(self, message: bytes) -> None:
        self.messages.append(decode(message))
        self._news.set()

    def _watch_packets(self) -> None:
        receiver = self.video.receiver
        handle = receiver._handle_rtp_packet

        async def noted(packet: RtpPacket, arrival_time_ms: int) -> None:
            if packet.ssrc == self.media:
                self.packets.append((packet.timestamp, packet.sequence_number, packet.marker))
            else:
                self.again.append(int.from_bytes(packet.payload[:2]))  # RFC 4588, section 4
            self._news.set()
            if self._lose_every and packet.sequence_number % self._lose_every == 0:
                return
            await handle(packet, arrival_time_ms=arrival_time_ms)

        receiver._handle_rtp_packet = noted
