"""framewire on a live RTSP stream, results into Redis. Arguments: URL MODEL SECONDS.

Prints milliseconds that the graph adds: from a packet's arrival to the end of the write to Redis,
less the decoding and the model's own time, for each frame.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.results import Labels
from pipeline.config import load_config
from pipeline.pipeline import Pipeline
from stages.classify import Classify
from stages.frame import Frame

CONFIG = """
custom_stages: ["{here}"]
streams: {{ a: "{url}" }}
graph: {{ classify: {{ stage: "{here}:Timed", model: "{model}", device: cpu }} }}
sinks: {{ redis: {{ sink: redis, from: classify }} }}
http: {{ listen: null }}
"""

spent: list[float] = []


class Timed(Classify):
    """Notes the seconds of each frame that are not the graph's: decoding and the model."""

    def run(self, frames: Sequence[Frame]) -> Sequence[Labels]:
        began = time.monotonic()
        results = super().run(frames)
        model = time.monotonic() - began
        told = sys.modules["__main__"].spent  # the module that runs, not its twin as a stage
        told.extend(frame.decoded - frame.arrived + model for frame in frames)
        return results


async def main(url: str, model: str, seconds: str) -> None:
    path = Path(model).with_name("live.yaml")
    path.write_text(CONFIG.format(url=url, here=__file__, model=model))
    async with Pipeline(load_config(path)) as pipeline:
        await pipeline.run(float(seconds))
        whole = pipeline.sink_workers["redis"].latency.values()
        (balance,) = pipeline.parts.graph.ledger()["redis"].values()
    assert balance.done == len(spent) == len(whole), "a frame was lost: the two do not match"
    added = 1000 * (whole - np.array(spent))
    p50, p95, p99 = np.percentile(added, (50, 95, 99))
    print(json.dumps({"frames": len(added), "p50": p50, "p95": p95, "p99": p99}))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    asyncio.run(main(*sys.argv[1:]))
