"""framewire's resident memory with so many streams. Arguments: CLIP MODEL STREAMS SECONDS.

Prints the resident megabytes once a second, after the first five.
"""

import asyncio
import json
import sys
from pathlib import Path

import cv2
import psutil

from pipeline.config import load_config
from pipeline.pipeline import Pipeline

SETTLE = 5  # seconds until every stream has filled its queues


async def main(clip: str, model: str, streams: str, seconds: str) -> None:
    lines = [f's{n}: {{ source: "{clip}", loop: true }}' for n in range(int(streams))]
    path = Path(model).with_name("memory.yaml")
    path.write_text(
        f"streams: {{ {', '.join(lines)} }}\n"
        f'graph: {{ classify: {{ stage: classify, model: "{model}", device: cpu, fps: 5 }} }}\n'
        "sinks: { redis: { sink: redis, from: classify } }\nhttp: { listen: null }\n"
    )
    resident: list[float] = []
    async with Pipeline(load_config(path)) as pipeline:

        async def look() -> None:
            await asyncio.sleep(SETTLE)
            while True:
                resident.append(psutil.Process().memory_info().rss / 1e6)
                await asyncio.sleep(1)

        looking = asyncio.create_task(look())
        await pipeline.run(SETTLE + float(seconds))
        looking.cancel()
        lost = sum(b.entered - b.done for b in pipeline.parts.graph.ledger()["redis"].values())
    print(json.dumps({"resident": resident, "lost": lost}))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    asyncio.run(main(*sys.argv[1:]))
