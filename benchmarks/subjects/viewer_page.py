"""A pipeline with a page, as users run it. Arguments: SOURCE.

Each picture of SOURCE carries a number (see `stages.capture.testcard`), which a stage reads and
says. Prints its address, and ends with its input.
"""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from models.results import Caption
from pipeline.config import load_config
from pipeline.pipeline import Pipeline
from pipeline.server import serving
from stages.capture.testcard import read_counter
from stages.frame import Frame
from stages.stage import Stage, StageContext

CONFIG = """
custom_stages: ["{here}"]
streams:
  a: {source}
graph:
  number: {{ stage: "{here}:Number", from: capture }}
sinks:
  view: {{ sink: webrtc, from: [capture, number] }}
http: {{ listen: null }}
"""


class Number(Stage):
    """Says which number stands in the picture."""

    stateless = True

    def __init__(self, options: BaseModel, context: StageContext) -> None:
        """Nothing to prepare."""

    def run(self, frames: Sequence[Frame]) -> Sequence[Caption | None]:
        """The number as text."""
        numbers = [read_counter(frame.picture) for frame in frames]
        return [None if one is None else Caption(str(one), 1.0, ()) for one in numbers]


async def main(source: str) -> None:
    """See the module."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.yaml"
        path.write_text(CONFIG.format(source=source, here=__file__))
        async with Pipeline(load_config(path)) as pipeline:
            (sink,) = pipeline.parts.sinks.values()
            running = asyncio.create_task(pipeline.run())
            async with serving("127.0.0.1:0", sink.routes(), dict, CollectorRegistry()) as address:
                print(address, flush=True)
                await asyncio.to_thread(sys.stdin.read)
            pipeline.stop()
            await running


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
