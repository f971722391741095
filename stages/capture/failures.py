"""What FFmpeg's errors mean to us: whether trying again may help, and in words without secrets."""

from av import error as averror
from av.error import FFmpegError

from stages.capture.mask import mask
from stages.capture.place import Kind, Place
from stages.errors import BadFile, SourceError, SourceLost, SourceRefused

# These will be the same the next time, whatever it is.
HOPELESS = (
    averror.ProtocolNotFoundError,
    averror.DemuxerNotFoundError,
    averror.DecoderNotFoundError,
    averror.HTTPUnauthorizedError,
    averror.HTTPForbiddenError,
    averror.PermissionError,
    averror.OptionNotFoundError,
)
TIMED_OUT = (averror.ExitError, averror.TimeoutError)  # PyAV's own limit, FFmpeg's own limit


def not_opened(error: FFmpegError, place: Place, limit_s: float) -> SourceError:
    """The error to raise when opening `place` failed.

    A file that cannot be opened now is refused. A stream may come up later, even where it answers
    "404 Not Found" now: its publisher may be on its way; so only what says no for good is refused.
    """
    if isinstance(error, TIMED_OUT):
        return SourceLost(f"{place}: wanted an answer within {limit_s:g} s, got none")
    message = f"{place}: wanted to open a {place.kind.value}, got: {reason(error)}"
    if place.kind is Kind.FILE or isinstance(error, HOPELESS):
        return refused(place, message)
    return SourceLost(message)


def refused(place: Place, message: str) -> SourceRefused:
    """The error for what will be no other the next time."""
    return BadFile(message) if place.kind is Kind.FILE else SourceRefused(message)


def broken_off(error: FFmpegError, place: Place, limit_s: float) -> SourceLost:
    """The error to raise when a live source failed while it was read."""
    if isinstance(error, TIMED_OUT):
        return SourceLost(f"{place}: wanted data within {limit_s:g} s, got none")
    return SourceLost(f"{place}: broke off: {reason(error)}")


def reason(error: FFmpegError) -> str:
    """FFmpeg's words; never its file name, which holds the URL with its password."""
    return mask(error.strerror or type(error).__name__)
