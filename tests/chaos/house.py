"""A pipeline under torment: in this process, where events and ledger can be looked at exactly."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from pipeline.config import load_config
from pipeline.ledger import Balance
from pipeline.pipeline import Pipeline
from stages.events import Event
from tests.chaos.fault import Finding
from tests.pipeline.running import STAGES


@asynccontextmanager
async def running(folder: Path, text: str, found: Finding) -> AsyncIterator[Pipeline]:
    """Run a config while the block lasts; afterwards its ledger must balance, with nothing left.

    `{stages}` in the text stands for the path of tests/pipeline/stages.py.
    """
    path = folder / "config.yaml"
    path.write_text(text.replace("{stages}", str(STAGES)))
    async with Pipeline(load_config(path)) as pipeline:
        run = asyncio.create_task(pipeline.run())
        try:
            yield pipeline
        finally:
            pipeline.stop()
            await run
    found.want(pipeline.failure is None, f"the run failed: {pipeline.failure}")
    for node, balances in pipeline.parts.graph.ledger().items():
        for stream, balance in balances.items():
            whole = balance.balanced and not balance.in_flight
            found.want(whole, f"ledger of {node}, {stream}: {balance}")


def total(pipeline: Pipeline, node: str, stream: str | None = None) -> Balance:
    """What has become of the frames of a node so far, of one stream or of all."""
    balances = pipeline.parts.graph.ledger()[node]
    return Balance.total(balances.values() if stream is None else [balances[stream]])


def seen(pipeline: Pipeline, name: str) -> int:
    """How often an event has happened."""
    return pipeline.bulletin.counts[name]


def names(pipeline: Pipeline, about: str) -> Sequence[str]:
    """The last hundred events about a stream or a node, by name."""
    return [event.name for event in told(pipeline, about)]


def told(pipeline: Pipeline, about: str) -> Sequence[Event]:
    """The last hundred events about a stream or a node."""
    return [event for event in pipeline.bulletin.recent if event.about == about]
