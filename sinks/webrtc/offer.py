"""What a viewer sends us: an offer (SDP), later candidates (RFC 8840), and how much of it we take.

aiortc's parser believes what it reads, so sizes and counts are looked at before, and what it
stumbles over is refused here.
"""

import ipaddress
from dataclasses import dataclass, replace
from typing import Literal

from aiortc import RTCIceCandidate
from aiortc.rtcdtlstransport import X509_DIGEST_ALGORITHMS
from aiortc.sdp import MediaDescription, SessionDescription, candidate_from_sdp

from sinks.webrtc.errors import Refused

Codec = Literal["h264", "vp8"]

KINDS = ("audio", "video", "application")
MOST_LINES = 1000
MOST_CODECS = 256
MOST_MEDIA = 4
MOST_CANDIDATES = 64
"""Of one viewer, in all: a machine with a dozen addresses has about thirty."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer that can be answered, the candidates that stood in it, the codec to answer with."""

    sdp: str
    candidates: tuple[RTCIceCandidate, ...]
    codec: Codec = "h264"


def read_offer(body: bytes) -> Offer:
    """Read an offer to watch. Raises Refused: 400 if it is none, 406 without a codec of ours."""
    offer, media = _read(body)
    _check_video(media, "recvonly")
    return replace(offer, codec=_codec(media))


def read_publication(body: bytes) -> Offer:
    """Read an offer to publish. Raises Refused 400 if it is none."""
    offer, media = _read(body)
    _check_video(media, "sendonly")
    return offer


def _read(body: bytes) -> tuple[Offer, list[MediaDescription]]:
    """An offer without its candidates, and what it has of media.

    aiortc would look up each name among the candidates before it answers, which takes a second for
    those of a browser.
    """
    lines = _lines(body)
    if not lines or lines[0] != "v=0":
        raise Refused(400, f"offer: wanted SDP that begins with v=0, got {body[:20]!r}")
    for what, start, most in (
        ("media", "m=", MOST_MEDIA), ("codecs", "a=rtpmap:", MOST_CODECS),
        ("candidates", "a=candidate:", MOST_CANDIDATES),
    ):  # fmt: skip
        got = sum(line.startswith(start) for line in lines)
        if got > most:
            raise Refused(400, f"offer: wanted at most {most} {what}, got {got}")
    kept = [line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    sdp = "\r\n".join([*kept, ""])
    try:
        described = SessionDescription.parse(sdp)
    except Exception as error:
        raise Refused(400, f"offer: wanted SDP, got {type(error).__name__}: {error}") from error
    _check_parts(described)
    return Offer(sdp, tuple(_candidates(lines))), described.media


def read_candidates(body: bytes) -> tuple[RTCIceCandidate, ...]:
    """The candidates of a fragment (application/trickle-ice-sdpfrag). Raises Refused 400."""
    lines = _lines(body)
    if not any(line.startswith(("a=", "m=")) for line in lines):
        raise Refused(400, f"candidates: wanted lines that begin with a=, got {body[:20]!r}")
    got = sum(line.startswith("a=candidate:") for line in lines)
    if got > MOST_CANDIDATES:
        raise Refused(400, f"candidates: wanted at most {MOST_CANDIDATES}, got {got}")
    return tuple(_candidates(lines))


def _lines(body: bytes) -> list[str]:
    try:
        lines = body.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise Refused(400, f"wanted UTF-8, got {error}") from error
    if len(lines) > MOST_LINES:
        raise Refused(400, f"wanted at most {MOST_LINES} lines, got {len(lines)}")
    return lines


def _check_parts(described: SessionDescription) -> None:
    """Each part is of a kind that aiortc knows, and a bundle names parts that are there.

    Otherwise it makes connections without a way to the other side, which cannot be closed.
    """
    for one in described.media:
        if one.kind not in KINDS:
            raise Refused(400, f"offer: wanted media of {', '.join(KINDS)}, got {one.kind[:40]!r}")
    mids = [str(one.rtp.muxId) for one in described.media]
    named = [str(mid) for group in described.group for mid in group.items]
    if len({*mids}) < len(mids):
        raise Refused(400, f"offer: wanted another mid for each media, got {mids}")
    if unknown := set(named) - set(mids):
        raise Refused(400, f"offer: wanted groups of {mids}, got {sorted(unknown)[:4]}")


def _check_video(media: list[MediaDescription], direction: str) -> None:
    videos = [one for one in media if one.kind == "video"]
    if len(videos) != 1:
        raise Refused(400, f"offer: wanted one video, got {len(videos)}")
    if sum(one.kind == "application" for one in media) > 1:
        raise Refused(400, "offer: wanted one data connection at most")
    if videos[0].direction not in {direction, "sendrecv"}:
        raise Refused(400, f"offer: wanted {direction} video, got {videos[0].direction}")
    if not all(_has_fingerprint(one) for one in media):
        raise Refused(
            400,
            f"offer: wanted a fingerprint ({', '.join(X509_DIGEST_ALGORITHMS)}) of the other "
            "side's certificate, got none",
        )


def _has_fingerprint(media: MediaDescription) -> bool:
    """Whether the other side can be known by it: else each try ends in a handshake that fails."""
    found = () if media.dtls is None else media.dtls.fingerprints
    return any(one.algorithm in X509_DIGEST_ALGORITHMS for one in found)


def _codec(media: list[MediaDescription]) -> Codec:
    """What the viewer takes that we have: H.264 before VP8. Raises Refused 406."""
    video = next(one for one in media if one.kind == "video")
    offered = {
        (codec.name.lower(), str(codec.parameters.get("packetization-mode", "0")))
        for codec in video.rtp.codecs
    }
    if ("h264", "1") in offered:
        return "h264"
    names = sorted({name for name, _ in offered} - {"rtx", "red", "ulpfec"})
    if "vp8" in names:
        return "vp8"
    got = ", ".join(names) or "none"
    raise Refused(406, f"offer: wanted h264 with packetization-mode 1, or vp8, got {got}")


def _candidates(lines: list[str]) -> list[RTCIceCandidate]:
    """Those we can use: UDP, with an address. A browser's `.local` name finds us, not we it."""
    found = []
    index, mid = 0, None
    media = -1
    for line in lines:
        if line.startswith("m="):
            media += 1
            index, mid = max(media, 0), None
        elif line.startswith("a=mid:"):
            mid = line[6:]
        elif line.startswith("a=candidate:"):
            candidate = _candidate(line[12:])
            if candidate is not None:
                candidate.sdpMid, candidate.sdpMLineIndex = mid, index
                found.append(candidate)
    return found


def _candidate(text: str) -> RTCIceCandidate | None:
    try:
        candidate = candidate_from_sdp(text)
        ipaddress.ip_address(candidate.ip)
    except (ValueError, AssertionError):
        if text.count(" ") >= 7 and ".local " in text:
            return None
        raise Refused(400, f"candidate: wanted RFC 8839's form, got {text[:80]!r}") from None
    usable = candidate.component == 1 and candidate.protocol.lower() == "udp"
    return candidate if usable and 0 < candidate.port < 65536 else None
