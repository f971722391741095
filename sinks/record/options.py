"""What the config can say about recording."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from sinks.video.encoding import Choice, Preset
from sinks.video.options import VideoOptions

Mode = Literal["continuous", "events", "both"]


class RecordOptions(VideoOptions):
    """The keys of `sink: record`."""

    path: Path = Field(
        Path("recordings"),
        description="The folder, relative to the config; it is made. One sink records into it.",
    )
    mode: Mode = Field(
        "continuous",
        description="`continuous`: everything is recorded; `events`: what is around the frames for "
        "which `when` holds; `both`: everything, and such frames are marked as events.",
    )
    segment_s: float = Field(
        300, ge=1, le=86_400, description="Seconds of a file: the next begins at a keyframe."
    )
    segment_mb: float = Field(
        1024, ge=0.1, le=1_000_000, description="Megabytes of a file at most, up to a keyframe."
    )
    pre_s: float = Field(
        5, ge=0, le=120, description="Seconds before an event that are kept, from a keyframe on."
    )
    post_s: float = Field(
        10,
        ge=0,
        le=3600,
        description="Seconds after the last frame for which `when` holds, and then to a keyframe.",
    )
    keep_days: float | None = Field(
        None, gt=0, description="Older recordings are removed. None, if left out."
    )
    keep_gb: float | None = Field(
        None, gt=0, description="Gigabytes of recordings that are kept: the oldest give way."
    )
    least_free_mb: float = Field(
        500,
        ge=0,
        description="Recording stops while the disk has less room than so many megabytes, so that "
        "it never fills the disk of others.",
    )
    results: bool = Field(
        True, description="Keep what nodes have said beside the video, as JSON lines and as WebVTT."
    )
    evidence: bool = Field(
        False,
        description="Keep a signed chain of digests that shows that recordings are what was "
        "recorded, and all of it: see `framewire verify`.",
    )
    key: Path = Field(
        Path("evidence.key"),
        description="The key that signs it, relative to the config; made at the first use, "
        "readable by its owner only.",
    )
    serve: bool = Field(
        True,
        description="Show recordings over HTTP, and so in the page. Of several such sinks, one "
        "can.",
    )
    crf: int = Field(
        23, ge=0, le=51, description="Quality where pictures are encoded: lower is better."
    )
    kbps: int = Field(
        8000, ge=50, le=200_000, description="Kilobits a second at most, where they are encoded."
    )
    encoder: Choice = Field(
        "x264", description="What encodes, where it has to be, as in `sink: webrtc`."
    )
    preset: Preset = Field(
        "veryfast",
        description="How hard it tries, where it has to: NVENC's p1 to p7 in this order.",
    )
