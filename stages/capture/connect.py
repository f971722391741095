"""Opens files, cameras and URLs with FFmpeg: quickly, with limits on time, memory and secrets."""

from collections.abc import Iterator
from contextlib import contextmanager

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from stages.capture.failures import not_opened, refused
from stages.capture.options import CaptureOptions
from stages.capture.place import Kind, Place
from stages.errors import BadFile, SourceError, SourceLost

MICROSECONDS = 1_000_000


@contextmanager
def connect(
    place: Place, options: CaptureOptions, container_format: str | None = None
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """An open container and the video in it; closed again at the end.

    container_format  name of FFmpeg's demuxer, found out if left out
    raises            SourceLost when trying again may help, SourceRefused when it will not
    """
    asked = _wishes(place, options) | options.options
    if place.kind is Kind.CAMERA and container_format is None:
        container_format = "v4l2"
    # A file is read by the kernel, which cannot be hurried: no timer, which would cost a call back
    # into Python for every read.
    limits = None if place.kind is Kind.FILE else (options.open_timeout_s, options.stall_s)
    try:
        container = av.open(
            place.address, "r", format=container_format, options=asked, timeout=limits
        )
    except FFmpegError as error:
        # Not chained: the original's text holds the URL with its password.
        raise not_opened(error, place, options.open_timeout_s) from None
    try:
        yield container, _video(container, place, options)
    finally:
        container.close()


def _wishes(place: Place, options: CaptureOptions) -> dict[str, str]:
    """FFmpeg's options for one kind of source. It passes over those that a protocol lacks."""
    wishes = {"max_pixels": str(options.max_pixels)}  # for the decoder that probes
    stall = str(round(options.stall_s * MICROSECONDS))
    if place.rtsp:
        # Nothing is probed, since the session's description says it: the first picture comes
        # after 0.05 s instead of 1.1 s. `nobuffer` must stay out: it would throw that picture away.
        wishes |= {
            "rtsp_transport": options.transport,
            "allowed_media_types": "video",
            "probesize": "32",
            "analyzeduration": "0",
            "timeout": stall,
        }
    elif place.kind is Kind.URL:
        # Half a second of data tells what is in it; FFmpeg would look for 5 s, and count frames
        # to learn a rate that nobody here asks for.
        wishes |= {"rw_timeout": stall, "analyzeduration": "500000", "fpsprobesize": "0"}
    elif place.kind is Kind.CAMERA:
        wishes |= {"fpsprobesize": "0", "analyzeduration": "0"}
        given = {
            "input_format": options.format,
            "video_size": options.size,
            "framerate": None if options.fps is None else f"{options.fps:g}",
        }
        wishes |= {key: value for key, value in given.items() if value is not None}
    return wishes


def _video(container: InputContainer, place: Place, options: CaptureOptions) -> VideoStream:
    video = container.streams.best("video")
    if not isinstance(video, VideoStream):
        kinds = ", ".join(sorted({str(stream.type) for stream in container.streams}))
        raise _no(place, f"wanted video, got {kinds or 'nothing'}")
    if video.codec_context is None:
        raise refused(place, f"{place}: wanted a codec that FFmpeg can decode, got an unknown one")
    size = (video.codec_context.width, video.codec_context.height)
    if not options.fits(*size):
        raise refused(
            place,
            f"{place}: wanted at most {options.max_width}x{options.max_height} "
            f"(max_width, max_height), got {size[0]}x{size[1]}",
        )
    return video


def _no(place: Place, why: str) -> SourceError:
    """A file stays what it is; a stream without video may get one."""
    kind = BadFile if place.kind is Kind.FILE else SourceLost
    return kind(f"{place}: {why}")
