"""The keys of `sink: restream`."""

import re

from pydantic import Field, field_validator

from sinks.video.options import EncodedOptions

HLS = "hls"
STREAM = "{stream}"
ADDRESS = re.compile(r"(rtmps?|rtsps?)://[^\s/]+(/\S*)?")


class RestreamOptions(EncodedOptions):
    """The keys of `sink: restream`."""

    to: str = Field(
        repr=False,
        description="Where a stream goes: an address to push it to, `rtmp://`, `rtmps://`, "
        "`rtsp://` or `rtsps://`, in which `{stream}` stands for its name; or `hls`, which is "
        "served by us at `/streams/{stream}/index.m3u8`.",
    )
    keyframe_s: float = Field(
        2.0,
        gt=0,
        le=10,
        description="Seconds from keyframe to keyframe of an encoded stream; in HLS, of any "
        "stream, a segment lasts so long, or until the source's next keyframe.",
    )
    part_s: float = Field(
        0.2,
        ge=0.05,
        le=1,
        description="HLS: seconds of a part, which players get before its segment is complete. "
        "They stay behind by about three.",
    )
    segments: int = Field(
        6,
        ge=3,
        le=100,
        description="HLS: complete segments in the playlist; in memory are twice as many.",
    )
    memory_mb: int = Field(
        128,
        ge=8,
        le=4096,
        description="HLS: megabytes of segments that are kept of a stream, at most.",
    )

    @field_validator("to")
    @classmethod
    def _known(cls, to: str) -> str:
        if to != HLS and ADDRESS.fullmatch(to) is None:
            raise ValueError(
                f"wanted `{HLS}` or an address that starts with rtmp://, rtmps://, rtsp:// or rtsps://"
            )
        return to
