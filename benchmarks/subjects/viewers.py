"""Viewers that take a stream and decode nothing. Arguments: ADDRESS COUNT [overlay].

They connect one after the other, say so in a line, and stay until their input ends; then they
print how many packets and overlay messages have come.
"""

import asyncio
import json
import sys

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtpPacket

SDP = {"content-type": "application/sdp"}
packets = messages = 0


async def watch(client: httpx.AsyncClient, overlay: bool) -> RTCPeerConnection:
    """Connect one; it is back when the first packet has come."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver = peer.addTransceiver("video", direction="recvonly").receiver
    begun = asyncio.Event()

    async def count(_packet: RtpPacket, arrival_time_ms: int) -> None:  # noqa: ARG001
        global packets  # noqa: PLW0603
        packets += 1
        begun.set()

    def heard(_message: bytes) -> None:
        global messages  # noqa: PLW0603
        messages += 1

    receiver._handle_rtp_packet = count
    if overlay:
        channel = peer.createDataChannel("overlay", ordered=False, maxRetransmits=0)
        channel.on("message", heard)
    await peer.setLocalDescription(await peer.createOffer())
    answer = await client.post("/whep/a", content=peer.localDescription.sdp, headers=SDP)
    assert answer.status_code == 201, answer.text
    await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    await asyncio.wait_for(begun.wait(), 30)
    return peer


async def main(address: str, count: str, *more: str) -> None:
    """See the module."""
    async with httpx.AsyncClient(base_url=address, timeout=30) as client:
        peers = [await watch(client, "overlay" in more) for _ in range(int(count))]
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps({"packets": packets, "messages": messages}), flush=True)
        await asyncio.gather(*(peer.close() for peer in peers))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
