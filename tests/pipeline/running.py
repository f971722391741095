"""Runs whole pipelines for tests, from the text of a config."""

import threading
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import psutil

from pipeline.config import load_config
from pipeline.ledger import Balance
from pipeline.pipeline import Pipeline

STAGES = Path(__file__).with_name("stages.py")


def written(folder: Path, text: str) -> Path:
    """The file of a config. `{stages}` in it stands for the path of tests/pipeline/stages.py."""
    path = folder / "config.yaml"
    listed = f"custom_stages: [., {STAGES}]\n"
    path.write_text(listed + dedent(text.replace("{stages}", str(STAGES))))
    return path


async def run(
    folder: Path,
    text: str,
    *,
    seconds: float | None = None,
    meanwhile: Callable[[Pipeline], None] | None = None,
) -> Pipeline:
    """Run a config, as it is `written`, to its end.

    meanwhile  called in a thread of its own once the pipeline runs
    """
    async with Pipeline(load_config(written(folder, text))) as pipeline:
        thread = threading.Thread(target=meanwhile, args=(pipeline,)) if meanwhile else None
        if thread is not None:
            thread.start()
        await pipeline.run(seconds)
        if thread is not None:
            thread.join()
    for name, balances in pipeline.parts.graph.ledger().items():
        for stream, balance in balances.items():
            assert balance.balanced, (name, stream, balance)
            assert balance.in_flight == 0, (name, stream, balance)
    return pipeline


def total(pipeline: Pipeline, node: str) -> Balance:
    """What became of all frames at a node."""
    return Balance.total(pipeline.parts.graph.ledger()[node].values())


class Footprint:
    """What a process holds: threads, children, descriptors, shared memory with a name."""

    def __init__(self) -> None:
        us = psutil.Process()
        self.threads = {thread.name for thread in threading.enumerate()}
        self.children = {child.pid for child in us.children(recursive=True)}
        self.descriptors = {
            str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()
        }
        self.shared = {file.name for file in Path("/dev/shm").iterdir()}

    def added_since(self, before: "Footprint") -> dict[str, set[object]]:
        """What is held now and was not then."""
        return {
            what: more
            for what in ("threads", "children", "descriptors", "shared")
            if (more := getattr(self, what) - getattr(before, what))
        }
