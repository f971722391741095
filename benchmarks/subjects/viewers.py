"""Viewers that take a stream and decode nothing. Arguments: ADDRESS COUNT [overlay] [lossy].

They connect one after the other, say so in a line, and stay until their input ends; then they
print how many packets, pictures and overlay messages have come since, and in how many seconds.
With `lossy` each tenth packet is lost and the others come 0.3 s late, and they are decoded.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtpPacket

SDP = {"content-type": "application/sdp"}
LOSE_EVERY, LATE_S = 10, 0.3


@dataclass
class Count:
    """What has come."""

    packets: int = 0
    pictures: int = 0
    messages: int = 0


came = Count()


async def watch(
    client: httpx.AsyncClient, *, overlay: bool, lossy: bool = False
) -> tuple[str, RTCPeerConnection]:
    """Connect one; it is back when the first packet has come, with where its session is."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver = peer.addTransceiver("video", direction="recvonly").receiver
    begun = asyncio.Event()

    handle = receiver._handle_rtp_packet

    def late(packet: RtpPacket, arrival_time_ms: int) -> None:
        task = asyncio.ensure_future(handle(packet, arrival_time_ms=arrival_time_ms))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    tasks: set[asyncio.Future[None]] = set()

    async def count(packet: RtpPacket, arrival_time_ms: int) -> None:
        came.packets += 1
        came.pictures += packet.marker
        begun.set()
        if lossy and packet.sequence_number % LOSE_EVERY:
            asyncio.get_running_loop().call_later(LATE_S, late, packet, arrival_time_ms)

    def heard(_message: bytes) -> None:
        came.messages += 1

    receiver._handle_rtp_packet = count
    if overlay:
        channel = peer.createDataChannel("overlay", ordered=False, maxRetransmits=0)
        channel.on("message", heard)
    await peer.setLocalDescription(await peer.createOffer())
    answer = await client.post("/whep/a", content=peer.localDescription.sdp, headers=SDP)
    assert answer.status_code == 201, answer.text
    await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    await asyncio.wait_for(begun.wait(), 30)
    return answer.headers.get("location", ""), peer


async def main(address: str, count: str, *more: str) -> None:
    """See the module."""
    async with httpx.AsyncClient(base_url=address, timeout=30) as client:
        told = {"overlay": "overlay" in more, "lossy": "lossy" in more}
        peers = [await watch(client, **told) for _ in range(int(count))]
        came.packets = came.pictures = came.messages = 0
        began = time.monotonic()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps({**asdict(came), "seconds": time.monotonic() - began}), flush=True)
        await asyncio.gather(*(peer.close() for _, peer in peers))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
