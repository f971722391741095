"""The keys of sinks of coded video, which encode what they cannot pass on."""

from pydantic import Field

from sinks.video.encoding import Choice, Encoding, Preset
from stages.stage import Options


class VideoOptions(Options):
    """What becomes of a stream's video."""

    burn: bool = Field(
        False,
        description="Draw results into the pictures, which then have to be encoded; else video is "
        "left as it came, where that can be.",
    )


class EncodedOptions(VideoOptions):
    """How a stream is encoded for those who see it live, where it must be."""

    encoder: Choice = Field(
        "x264",
        description="What encodes, where a stream must be: `x264` works everywhere; `nvenc` is "
        "NVIDIA's, and an error where there is none; `auto` is NVENC where it can be opened, else "
        "x264.",
    )
    preset: Preset = Field(
        "ultrafast",
        description="How hard it tries, where a stream must be encoded: NVENC's p1 to p7 in this "
        "order.",
    )
    bitrate: int = Field(
        4000,
        ge=100,
        le=100_000,
        description="Kilobits a second that an encoded stream stays below.",
    )
    width: int = Field(
        1920, ge=160, le=7680, description="Wider pictures are encoded at this many pixels."
    )

    def encoding(self) -> Encoding:
        """The same for an encoder."""
        return Encoding(
            preset=self.preset, kbps=self.bitrate, width=self.width, encoder=self.encoder
        )
