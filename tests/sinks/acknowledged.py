"""A process that sends results one by one, and tells each that was acknowledged, until killed."""

import asyncio
import sys
from pathlib import Path

import msgspec
import structlog

from sinks.registry import find_sink
from sinks.sink import SinkContext
from tests.factory import delivery, detections, grey_frame


async def main(kind: str, folder: str, options: str) -> None:
    found = find_sink(kind)
    told = found.Options.model_validate(msgspec.json.decode(options))
    sink = found(told, SinkContext(kind, ("a",), Path(folder)))
    await sink.open()
    seq = 0
    while True:
        await sink.write([delivery(grey_frame(seq, results={"detect": detections()}), "detect")])
        print(seq, flush=True)
        seq += 1


structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
asyncio.run(main(*sys.argv[1:]))
