"""The pictures of docs/images: each config run on a real clip, and what its viewer then shows.

`make pictures` makes them all; a clip that is not here is named and its picture left as it was.
"""

import asyncio
import math
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pylibsrtp  # noqa: F401 - before TensorFlow, which makes the models: see WebrtcSink
from numpy.typing import NDArray

from models import zoo
from models.store import import_model
from pipeline.config import load_config
from pipeline.pipeline import Pipeline
from sinks.webrtc.sink import WebrtcSink

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("FRAMEWIRE_TEST_DATA", ROOT.parent / "shared" / "data"))
PATIENCE_S = 120.0
WIDEST = 1280  # pixels


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture to take.

    sources  of all streams: one run for each, side by side; in the folder of test data, or in
             docs/images/from; empty for the config's own
    pts      seconds of stream time at which it is taken, at the earliest
    streams  how many are shown, side by side
    model    (name, files in the folder of test data or in this repository) that is imported first
    environ  variables that the config reads
    size     (width, height) of a still that is made of the clip at `pts` first; None: it runs
    """

    config: str
    sources: tuple[str, ...] = ("",)
    pts: float = 2.0
    streams: int = 1
    model: tuple[str, tuple[str, ...]] | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] | None = None


SHOTS = {
    "demo": Shot("demo.yaml"),
    "faces": Shot("faces.yaml"),
    # The clip: Intel IoT DevKit, sample-videos, CC BY 4.0.
    "traffic": Shot(
        "traffic.yaml",
        ("video/car-detection.mp4",),
        17.0,
        model=("tinier-yolo-voc", ("weights_tinier_yolo_voc/tinier_yolo_voc.npz",)),
    ),
    "rtsp-wall": Shot("rtsp-wall.yaml", ("video/carphone_pristine.mp4",), streams=16),
    # docs/images/from/SOURCE.md says whose these are, and why no others can be shown.
    "raccoon": Shot("raccoon.yaml", ("raccoon",), 0.0),
    "tomatoes": Shot(
        "tomatoes.yaml",
        ("tomatoes-ripe", "tomatoes-unripe"),
        0.0,
        model=(
            "tomato-head",
            (
                "weights_vgg16_notop/vgg16_imagenet_notop_fp16.npz",
                "models/trained/tomato.head.npz",
            ),
        ),
    ),
    # The clip: Intel IoT DevKit, sample-videos, CC BY 4.0; the network: one that knows cars.
    "surgical": Shot(
        "surgical.yaml",
        ("video/car-detection.mp4",),
        17.0,
        streams=2,
        model=(
            "deeplab-coral-voc",
            ("weights_coral_tflite/deeplabv3_mnv2_pascal_quant.tflite",),
        ),
        environ={"MODEL": "deeplab-coral-voc"},
        size=(1920, 1080),
    ),
}


async def take(shot: Shot, source: str) -> NDArray[np.uint8]:
    """Run the config until its viewer has the picture. Raises TimeoutError when it never does."""
    sources = [source] if source else []
    environ = {
        **os.environ,
        "SOURCE": "",
        "OUT": tempfile.gettempdir(),
        "NVR": "rtsp://nobody.invalid",
        "LISTEN": "127.0.0.1:0",
        "LEFT": source,
        "RIGHT": source,
        **shot.environ,
    }
    config = load_config(ROOT / "configs" / shot.config, environ, sources=sources)
    shown = []
    wanted = shot.pts if shot.size is None else 1.0
    async with Pipeline(config) as pipeline:
        running = asyncio.create_task(pipeline.run())
        viewer = next(s for s in pipeline.parts.sinks.values() if isinstance(s, WebrtcSink))
        async with asyncio.timeout(PATIENCE_S):
            for stream in list(config.streams)[: shot.streams]:
                async for picture in viewer.feeds[stream].watch():
                    if picture.delivery.frame.pts >= wanted:
                        break
                jpeg = np.frombuffer(picture.jpeg, np.uint8)
                shown.append(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))
        pipeline.stop()
        await running
    side = math.ceil(len(shown) ** 0.5)
    return np.vstack([np.hstack(shown[i : i + side]) for i in range(0, len(shown), side)])


def found(name: str) -> str:
    """Where a picture, a clip or a file of weights is; empty if it is nowhere, or has no name."""
    places = (ROOT / "docs" / "images" / "from" / name, DATA / name, ROOT / name)
    return str(next((place for place in places if name and place.exists()), ""))


def held(clip: str, size: tuple[int, int], pts: float, folder: Path) -> str:
    """A clip of three seconds of one picture of another, in another size; returns where it is.

    What is drawn without waiting for it would lie beside what moves in a file read at full speed.
    """
    path = folder / "held.avi"
    film = cv2.VideoCapture(clip)
    rate = film.get(cv2.CAP_PROP_FPS)
    film.set(cv2.CAP_PROP_POS_FRAMES, round(pts * rate))
    _, picture = film.read()
    made = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, size)
    for _ in range(round(3 * rate)):
        made.write(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC))
    made.release()
    return str(path)


async def main(names: list[str]) -> None:
    for name in names or SHOTS:
        shot = SHOTS[name]
        files = () if shot.model is None else shot.model[1]
        if missing := [file for file in (*shot.sources, *files) if file and not found(file)]:
            print(f"{name}: left as it was, for {missing[0]} is not here")
            continue
        if shot.model is not None:
            import_model(zoo.spec(shot.model[0]), [Path(found(file)) for file in files])
        with tempfile.TemporaryDirectory() as folder:
            sources = [found(source) for source in shot.sources]
            if shot.size is not None:
                sources = [held(s, shot.size, shot.pts, Path(folder)) for s in sources]
            pixels = np.hstack([await take(shot, source) for source in sources])
        if pixels.shape[1] > WIDEST:
            height = round(pixels.shape[0] * WIDEST / pixels.shape[1])
            pixels = cv2.resize(pixels, (WIDEST, height), interpolation=cv2.INTER_AREA)
        file = ROOT / "docs" / "images" / f"{name}.jpg"
        cv2.imwrite(str(file), pixels, [cv2.IMWRITE_JPEG_QUALITY, 88])
        print(f"{name}: {pixels.shape[1]}x{pixels.shape[0]}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
