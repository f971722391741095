"""What comes as messages: results and events, overlays, offers of viewers and publishers."""

import asyncio
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from models.results import Detections
from sinks import wire
from sinks.redis import orders
from sinks.webrtc import overlay_message
from sinks.webrtc.errors import Refused
from sinks.webrtc.overlay_message import BadOverlay
from stages.events import Event
from tests.factory import grey_frame
from tests.fuzz.subject import Parts, Sample, Subject

NOW = datetime(2025, 6, 1, tzinfo=UTC)
FOUND = Detections(
    np.array([[0.1, 0.2, 0.3, 0.4]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64),
    ("person",), points=np.ones((1, 6, 2), np.float32),
)  # fmt: skip


def decode_all(path: Path) -> None:
    """As a result and as an event, in both encodings: one of the four has to take a valid one."""
    data = path.read_bytes()
    refused: list[wire.BadMessage] = []
    for decode in (wire.decode_result, wire.decode_event):
        for encoding in ("json", "msgpack"):
            try:
                decode(data, encoding)
            except wire.BadMessage as error:
                refused.append(error)
    if len(refused) == 4:
        raise refused[0]


def wire_samples() -> list[Sample]:
    frame = grey_frame(7, results={"detect": FOUND})
    result = wire.result_message(frame, "detect", NOW, frame.arrived + 0.01)
    event = wire.event_message(Event("source.lost", "lobby", {"seconds": 3.5, "why": "x"}, NOW))
    said = [wire.encode(one, how) for one in (result, event) for how in ("json", "msgpack")]
    deep: object = []
    for _ in range(700):  # a piece twice, and it is too deep
        deep = [deep]
    said.append(wire.encode(msgspec.structs.replace(result, data={"deep": deep})))
    return [Sample({"a.message": data}) for data in said]


def decode_overlay(path: Path) -> None:
    overlay_message.decode(path.read_bytes())


def overlay_samples() -> list[Sample]:
    said = overlay_message.encode(1.5, NOW, 7, {"detect": FOUND})
    return [Sample({"a.overlay": one}) for one in (said, overlay_message.encode(1.5, NOW))]


def read_with(name: str) -> Callable[[Path], None]:
    """Read SDP by one of the readers of `sinks.webrtc.offer`."""

    def read(path: Path) -> None:
        from sinks.webrtc import offer

        getattr(offer, name)(path.read_bytes())

    return read


PLACES = b"".join(
    b"a=candidate:%d 1 %s 2130706431 %s 5000 typ host\r\n" % (number, *where)
    for number, where in enumerate(
        [(b"udp", b"192.0.2.1"), (b"tcp", b"2001:db8::1"), (b"udp", b"f8a1b2c3.local")]
    )
)
CANDIDATES = b"a=ice-ufrag:x\r\na=ice-pwd:y\r\nm=video 9 X 0\r\na=mid:0\r\n" + PLACES


async def _offer(direction: str) -> bytes:
    from aiortc import RTCConfiguration, RTCPeerConnection

    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver("video", direction=direction)
    peer.createDataChannel("overlay")
    try:
        return (await peer.createOffer()).sdp.encode()
    finally:
        await peer.close()


def offer_of(direction: str) -> bytes:
    """An offer as aiortc makes it, with candidates."""
    return asyncio.run(_offer(direction)) + PLACES


def offer_samples(direction: str) -> Callable[[], list[Sample]]:
    return lambda: [Sample({"a.sdp": offer_of(direction)})]


SECRET = "s" * 32


def admit(path: Path) -> None:
    """As if it had come over the channel of commands."""
    orders.Gate(SECRET, "framewire:control", NOW).admit(path.read_bytes(), NOW)


def order_samples() -> list[Sample]:
    def pack(parts: Parts) -> Parts:
        told = parts["payload"].decode("latin-1")
        signature = hmac.new(SECRET.encode(), f"framewire:control\n{told}".encode(), "sha256")
        envelope = {"payload": told, "signature": signature.hexdigest()}
        return {"a.order": msgspec.json.encode(envelope)}

    whole = orders.sign(SECRET, "framewire:control", "snapshot", "lobby", NOW)
    deep = whole[:-1] + b',"x":' + b"[" * 900 + b"]" * 900 + b"}"
    payload = msgspec.json.decode(whole)["payload"].encode()
    return [
        Sample({"a.order": whole}), Sample({"a.order": deep}), Sample({"payload": payload}, pack),
    ]  # fmt: skip


SDP = (Refused,)
MESSAGES: dict[str, Subject] = {
    "wire": Subject(decode_all, wire_samples, (wire.BadMessage,), named=False),
    "order": Subject(admit, order_samples, (orders.Refused,), named=False),
    "overlay": Subject(decode_overlay, overlay_samples, (BadOverlay,), named=False),
    "offer": Subject(read_with("read_offer"), offer_samples("recvonly"), SDP, named=False),
    "publication": Subject(
        read_with("read_publication"), offer_samples("sendonly"), SDP, named=False
    ),
    "candidates": Subject(
        read_with("read_candidates"), lambda: [Sample({"a.sdp": CANDIDATES})], SDP, named=False
    ),
}
