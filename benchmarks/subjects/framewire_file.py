"""framewire: file, one classifier, null sink. Arguments: CLIP MODEL PARALLEL."""

import asyncio
import sys
from pathlib import Path

import cv2

from benchmarks.measure import Stopwatch
from pipeline.config import load_config
from pipeline.pipeline import Pipeline

CONFIG = """
streams: {{ a: "{clip}" }}
graph: {{ classify: {{ stage: classify, model: "{model}", device: cpu, queue: 8,
                       parallel: {parallel} }} }}
sinks: {{ out: {{ sink: "null", from: classify }} }}
http: {{ listen: null }}
"""


async def main(clip: str, model: str, parallel: str) -> None:
    path = Path(model).with_name("framewire.yaml")
    path.write_text(CONFIG.format(clip=clip, model=model, parallel=parallel))
    async with Pipeline(load_config(path)) as pipeline:
        with Stopwatch() as watch:
            await pipeline.run()
        (balance,) = pipeline.parts.graph.ledger()["out"].values()
    watch.tell(balance.done)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    asyncio.run(main(*sys.argv[1:]))
