"""A process that films without end, and says after each frame how many it has written.

`python -m tests.sinks.filming FOLDER [LIMIT]`: no file may be larger than LIMIT bytes, as on a disk
that is full; then it films 200 frames and says what became of each.
"""

import asyncio
import resource
import sys
from itertools import count
from pathlib import Path

import numpy as np

from sinks.errors import SinkLost
from sinks.mp4 import Mp4Options, Mp4Sink
from sinks.sink import SinkContext
from tests.factory import delivery, detections, frame_of


async def main(folder: Path, limit: int | None) -> None:
    sink = Mp4Sink(Mp4Options(path="{stream}.mp4"), SinkContext("film", ("a",), folder))
    await sink.open()
    noise = np.random.default_rng(7)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for seq in count() if limit is None else range(200):
        pixels = noise.integers(0, 255, (90, 160, 3), np.uint8)
        frame = frame_of(pixels, seq, results={"detect": detections()})
        try:
            await sink.write([delivery(frame)])
            print(seq + 1, flush=True)
        except SinkLost as error:
            print(error, flush=True)
    try:
        await sink.close()
    except SinkLost as error:
        print(error)


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None))
