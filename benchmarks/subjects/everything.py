"""configs/everything.yaml with somebody who watches. Arguments: FILM SECONDS WARM_UP.

Prints what the watcher saw after the first seconds, and what the whole run took.
"""

import asyncio
import json
import sys
import time

from benchmarks.measure import ROOT
from benchmarks.watcher import Watcher
from pipeline.config import load_config
from pipeline.pipeline import Pipeline
from pipeline.report import report
from pipeline.tuning import tune
from sinks.webrtc.sink import WebrtcSink


async def main(film: str, seconds: str, warm_up: str) -> None:
    config = load_config(ROOT / "configs" / "everything.yaml", sources=[film])
    watcher = Watcher()
    async with Pipeline(config) as pipeline:
        began = time.monotonic()
        (viewer,) = (s for s in pipeline.parts.sinks.values() if isinstance(s, WebrtcSink))
        video = viewer.videos[next(iter(config.streams))]
        looking = asyncio.create_task(watcher.look(video))
        await pipeline.run(float(seconds) + float(warm_up))
        looking.cancel()
        made = report(pipeline, began)
    nodes = {name: [node.total.done, node.ms] for name, node in made.nodes.items()}
    took = {
        "balanced": made.balanced,
        "peak_mb": made.peak_rss_mb,
        "cpu": made.cpu_s,
        "path": video.path,
    }
    told = {**watcher.figures(float(warm_up)), **took, "nodes": nodes, "path": video.path}
    print(json.dumps(told))


if __name__ == "__main__":
    tune()
    asyncio.run(main(*sys.argv[1:]))
