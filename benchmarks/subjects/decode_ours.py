"""framewire decoding copies of a clip into a null sink. Arguments: CLIP STREAMS realtime|fast."""

import asyncio
import sys

from benchmarks.folder import WORK
from benchmarks.measure import Stopwatch
from pipeline.config import load_config
from pipeline.pipeline import Pipeline


async def main(clip: str, streams: str, pace: str) -> None:
    names = [f"s{number}" for number in range(int(streams))]
    lines = [f'  {name}: {{ source: "{clip}", pace: {pace} }}' for name in names]
    path = WORK / "decode.yaml"
    path.write_text(
        "streams:\n" + "\n".join(lines)
        + '\nsinks: { out: { sink: "null", from: capture } }\nhttp: { listen: null }\n'
    )  # fmt: skip
    async with Pipeline(load_config(path)) as pipeline:
        with Stopwatch() as watch:
            await pipeline.run()
        done = sum(b.done for b in pipeline.parts.graph.ledger()["out"].values())
    watch.tell(done)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
