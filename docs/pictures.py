"""The pictures of docs/images: each config run on a real clip, and what its viewer then shows.

`make pictures` makes them all; a clip that is not here is named and its picture left as it was.
"""

import asyncio
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
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

    source   of all streams, in the folder of test data; empty for the config's own
    pts      seconds of stream time at which it is taken, at the earliest
    streams  how many are shown, side by side
    model    (name, file in the folder of test data) that is imported first
    """

    config: str
    source: str = ""
    pts: float = 2.0
    streams: int = 1
    model: tuple[str, str] | None = None


SHOTS = {
    "demo": Shot("demo.yaml"),
    "faces": Shot("faces.yaml"),
    # The clip: Intel IoT DevKit, sample-videos, CC BY 4.0.
    "traffic": Shot(
        "traffic.yaml",
        "video/car-detection.mp4",
        17.0,
        model=("tinier-yolo-voc", "weights_tinier_yolo_voc/tinier_yolo_voc.npz"),
    ),
    "rtsp-wall": Shot("rtsp-wall.yaml", "video/carphone_pristine.mp4", streams=16),
}


async def take(shot: Shot) -> NDArray[np.uint8]:
    """Run the config until its viewer has the picture. Raises TimeoutError when it never does."""
    sources = [str(DATA / shot.source)] if shot.source else []
    if shot.model is not None:
        name, weights = shot.model
        import_model(zoo.spec(name), [DATA / weights])
    environ = {
        **os.environ,
        "SOURCE": "",
        "OUT": tempfile.gettempdir(),
        "NVR": "rtsp://nobody.invalid",
        "LISTEN": "127.0.0.1:0",
    }
    config = load_config(ROOT / "configs" / shot.config, environ, sources=sources)
    shown = []
    async with Pipeline(config) as pipeline:
        running = asyncio.create_task(pipeline.run())
        board = next(s for s in pipeline.parts.sinks.values() if isinstance(s, WebrtcSink)).board
        async with asyncio.timeout(PATIENCE_S):
            for stream in list(config.streams)[: shot.streams]:
                async for picture in board.watch([stream]):
                    if picture.delivery.frame.pts >= shot.pts:
                        break
                jpeg = np.frombuffer(picture.jpeg, np.uint8)
                shown.append(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))
        pipeline.stop()
        await running
    side = max(1, round(len(shown) ** 0.5))
    return np.vstack([np.hstack(shown[i : i + side]) for i in range(0, len(shown), side)])


async def main(names: list[str]) -> None:
    for name in names or SHOTS:
        shot = SHOTS[name]
        if not (DATA / shot.source).exists():
            print(f"{name}: left as it was, for {shot.source} is not here")
            continue
        pixels = await take(shot)
        if pixels.shape[1] > WIDEST:
            height = round(pixels.shape[0] * WIDEST / pixels.shape[1])
            pixels = cv2.resize(pixels, (WIDEST, height), interpolation=cv2.INTER_AREA)
        file = ROOT / "docs" / "images" / f"{name}.jpg"
        cv2.imwrite(str(file), pixels, [cv2.IMWRITE_JPEG_QUALITY, 88])
        print(f"{name}: {pixels.shape[1]}x{pixels.shape[0]}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
