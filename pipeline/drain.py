"""The orderly end: no new frames, then each node empty before the next is told to end."""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from pipeline.node import Node

if TYPE_CHECKING:
    from pipeline.pipeline import Pipeline

log = structlog.get_logger()

LIMIT = 5.0  # seconds from the wish to stop to the end
POLL = 0.005  # seconds between looks at a node that is still at work
FOR_STRAYS = 0.5  # seconds of the limit that are kept for what did not end in time


async def drain(pipeline: "Pipeline", writers: Sequence["asyncio.Task[None]"]) -> None:
    """Bring every frame that was captured to its end, and every worker home.

    It takes as long as it takes where the sources ended by themselves, and at most five seconds
    from the moment at which the pipeline was asked to stop. A stage that does not come back, and
    frames that had to be abandoned, are the pipeline's failure.
    """
    for capture in pipeline.captures.values():
        capture.stop()
    # A frame that is going in would meet nodes that have ended, and be lost without a reason.
    settled_by = time.monotonic() + FOR_STRAYS
    for capture in pipeline.captures.values():
        if not await asyncio.to_thread(capture.settle, settled_by):
            log.warning("capture still lets a frame in", stream=capture.stream)
    for node in pipeline.parts.graph.nodes.values():
        node.end()
        if not await _quiet(node, pipeline):
            break
    else:
        await _come_home(pipeline, writers, time.monotonic() + FOR_STRAYS)
        return
    left = {name: n.in_flight for name, n in pipeline.parts.graph.nodes.items() if n.in_flight}
    log.warning("not drained in time", limit_s=LIMIT, in_flight=left)
    for node in pipeline.parts.graph.nodes.values():
        node.refuse("shutdown")
        node.end()
    await _come_home(pipeline, writers, time.monotonic() + FOR_STRAYS)


async def _quiet(node: Node, pipeline: "Pipeline") -> bool:
    while node.in_flight:
        if pipeline.asked and time.monotonic() > pipeline.asked + LIMIT - FOR_STRAYS:
            return False
        await asyncio.sleep(POLL)
    return True


async def _come_home(
    pipeline: "Pipeline", writers: Sequence["asyncio.Task[None]"], deadline: float
) -> None:
    for capture in pipeline.captures.values():
        if not await asyncio.to_thread(capture.join, deadline):
            log.warning("capture still blocked in its source", stream=capture.stream)
    wrong = []
    for name, worker in pipeline.workers.items():
        if not await asyncio.to_thread(worker.join, deadline):
            log.warning("stage does not come back", node=name)
            wrong.append(f"{name}: its stage does not come back")
    if writers:
        await asyncio.wait(writers, timeout=max(0.0, deadline - time.monotonic()))
    await pipeline.bulletin.flush(max(0.1, deadline - time.monotonic()))
    for name, node in pipeline.parts.graph.nodes.items():
        if given_up := node.abandon():
            wrong.append(f"{name}: frames abandoned: {given_up}")
    if wrong:
        pipeline.fail("; ".join(wrong))
