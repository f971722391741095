"""A process that writes results into a file, tells how many, and waits to be killed."""

import asyncio
import sys
from pathlib import Path

from sinks.registry import find_sink
from sinks.sink import SinkContext
from tests.factory import deliveries, detections, grey_frame
from tests.factory import delivery as one

MANY = 200


def written(folder: Path) -> int:
    files = [*folder.glob("*.jsonl"), *folder.glob(".*.jsonl")]
    return sum(file.read_bytes().count(b"\n") for file in files)


async def main(kind: str, folder: str, *told: str) -> None:
    found = find_sink(kind)
    options = found.Options.model_validate(dict(word.split("=") for word in told))
    sink = found(options, SinkContext("file", ("a",), Path(folder)))
    await sink.open()
    await sink.write(deliveries(MANY))
    while written(Path(folder)) < MANY:  # noqa: ASYNC110 - the flush tells nobody
        await asyncio.sleep(0.01)
    print(MANY, flush=True)
    seq = MANY
    while True:
        await sink.write([one(grey_frame(seq, results={"detect": detections()}))])
        seq += 1
        await asyncio.sleep(0)


asyncio.run(main(*sys.argv[1:]))
