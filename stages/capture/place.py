"""What a `source` means: a URL, a camera, a file, a folder, a recording, the test card, whoever
publishes to us, or whatever is there."""

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from stages.capture.mask import mask
from stages.capture.options import CaptureOptions
from stages.errors import BadOptions

STREAMING = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "udp", "rtp", "tcp"})
"""Schemes behind which the world goes on while nobody reads."""
FETCHING = frozenset({"http", "https"})
"""Schemes behind which there may be a live stream or a file."""
RECORDING = "recording"
"""The scheme of what `sink: record` has recorded: `recording://PATH`, of a file or a folder."""
CAMERAS = Path("/dev")


class Kind(Enum):
    """The ways in which pictures are fetched."""

    AUTO = "whatever there is"
    CARD = "test card"
    WHIP = "whoever publishes it"
    CAMERA = "camera"
    URL = "stream"
    FILE = "video file"
    FOLDER = "folder of pictures"
    RECORDING = "recording"


NAMED = {"auto": Kind.AUTO, "testcard": Kind.CARD, "whip": Kind.WHIP}
"""Sources that are a word."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where pictures come from.

    address  URL or path, with its secrets; `str` of a place has none
    """

    kind: Kind
    address: str

    def __str__(self) -> str:
        return self.kind.value if self.address in NAMED else mask(self.address)

    @property
    def rtsp(self) -> bool:
        """Spoken to in RTSP, so that its packets may carry the camera's clock."""
        return self.address.lower().startswith(("rtsp://", "rtsps://"))

    @property
    def endless(self) -> bool:
        """It can only end by breaking off."""
        scheme = urlsplit(self.address).scheme.lower()
        return self.kind is Kind.CAMERA or (self.kind is Kind.URL and scheme in STREAMING)


def find_place(options: CaptureOptions, folder: Path = Path()) -> Place:
    """Understand `options.source`, without opening anything but the file system.

    folder  where relative paths start
    raises  BadOptions for a scheme that nobody here speaks, and for a file that is not there
    """
    source = options.source.strip()
    if source in NAMED:
        return Place(NAMED[source], source)
    scheme, separator, rest = source.partition("://")
    recorded = bool(separator) and scheme.lower() == RECORDING
    if separator and scheme.lower() not in {"file", RECORDING}:
        return _url(source, scheme.lower())
    # Not Path.expanduser, which raises for the home of somebody who is not there.
    path = folder / os.path.expanduser(rest if separator else source)  # noqa: PTH111
    if recorded and path.exists():
        return Place(Kind.RECORDING, str(path))
    if recorded:
        raise BadOptions(f"source: wanted a recording, got nothing at {path.absolute()}")
    if path.is_relative_to(CAMERAS):
        return Place(Kind.CAMERA, str(path))  # it may be unplugged now and come back
    if path.is_dir():
        return Place(Kind.FOLDER, str(path))
    if path.exists():
        return Place(Kind.FILE, str(path))
    raise BadOptions(
        f"source: wanted a URL, a file, a folder, a camera, `testcard`, `whip` or `auto`, "
        f"got {mask(source)}, and there is no {mask(str(path.absolute()))}"
    )


def _url(source: str, scheme: str) -> Place:
    known = STREAMING | FETCHING
    if scheme not in known:
        raise BadOptions(
            f"source: wanted a scheme of {', '.join(sorted(known))}, file, "
            f"got {scheme}:// in {mask(source)}"
        )
    try:
        parts = urlsplit(source)
        host, _ = parts.hostname, parts.port
    except ValueError as error:  # a port that is no number, a bracket that is not closed
        raise BadOptions(f"source: wanted a URL, got {mask(source)}: {mask(str(error))}") from None
    if not host and scheme not in {"udp", "rtp", "tcp"}:
        raise BadOptions(f"source: wanted a URL with a host, got {mask(source)}")
    return Place(Kind.URL, source)
