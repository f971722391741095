"""What we can answer an offer with: H.264 in the profiles that cameras send, and VP8."""

from aiortc import RTCRtpSender
from aiortc.codecs import CODECS
from aiortc.rtcrtpparameters import (
    ParametersDict,
    RTCRtcpFeedback,
    RTCRtpCodecCapability,
    RTCRtpCodecParameters,
)

from sinks.webrtc.offer import Codec

SPS = 7  # ITU-T H.264, table 7-1
CONSTRAINED = 0x40  # constraint_set1_flag, section 7.3.2.1.1
MORE_PROFILES = ("4d001f", "64001f")  # Main and High, which cameras send; aiortc has 42001f, 42e01f


def capabilities(codec: Codec, profile: str = "") -> list[RTCRtpCodecCapability]:
    """A codec and its retransmission, for `RTCRtpTransceiver.setCodecPreferences`.

    That must be called before `setRemoteDescription`, or aiortc settles on VP8.

    profile  of the video that will be sent, see `profile_of`: that one is preferred
    """
    _know_more_profiles()
    wanted = (f"video/{codec}", "video/rtx")
    known = RTCRtpSender.getCapabilities("video").codecs
    ours = [one for one in known if one.mimeType.lower() in wanted]
    return sorted(ours, key=lambda one: not _alike(one.parameters, profile))


def profile_of(parameter_sets: bytes) -> str:
    """The profile-level-id (RFC 6184, section 8.1) of H.264 in Annex B; empty without one."""
    for unit in parameter_sets.split(b"\0\0\1"):
        if len(unit) > 3 and unit[0] & 0x1F == SPS:
            return unit[1:4].hex()
    return ""


def _alike(parameters: ParametersDict, profile: str) -> bool:
    """Whether the profile is the same; Baseline is another one if it is constrained."""
    ours = str(parameters.get("profile-level-id", ""))
    if not profile or ours[:2] != profile[:2]:
        return False
    constrained = [bool(int(one[2:4], 16) & CONSTRAINED) for one in (ours, profile)]
    return ours[:2] != "42" or constrained[0] == constrained[1]


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
