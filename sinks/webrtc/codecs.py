"""What we can answer an offer with: H.264 in the profiles that cameras send, and VP8."""

from aiortc import RTCRtpSender
from aiortc.codecs import CODECS
from aiortc.rtcrtpparameters import (
    RTCRtcpFeedback,
    RTCRtpCodecCapability,
    RTCRtpCodecParameters,
)

from sinks.webrtc.offer import Codec

MORE_PROFILES = ("4d001f", "64001f")  # Main and High, which cameras send; aiortc has 42001f, 42e01f


def capabilities(codec: Codec) -> list[RTCRtpCodecCapability]:
    """A codec and its retransmission, for `RTCRtpTransceiver.setCodecPreferences`.

    That must be called before `setRemoteDescription`, or aiortc settles on VP8.
    """
    _know_more_profiles()
    wanted = (f"video/{codec}", "video/rtx")
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
