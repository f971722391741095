"""Frames through a chain of stages that do nothing. Arguments: NODES FRAMES."""

import sys
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.measure import Stopwatch
from models.results import Labels
from pipeline.config import NodeConfig, PipelineConfig, StreamConfig
from pipeline.graph import CAPTURE, Graph
from pipeline.worker import Rules, Worker
from stages.capture.options import CaptureOptions
from stages.frame import Frame
from tests.factory import grey_frame

NOTHING = Labels(np.empty(0, np.float32), np.empty(0, np.int64), ())


class Nothing:
    """Has the same to say about every frame."""

    stateless = True

    def run(self, frames: Sequence[Frame]) -> Sequence[Labels]:
        return [NOTHING] * len(frames)

    def close(self) -> None:
        """Nothing to give back."""


def main(nodes: str, frames: str) -> None:
    names = [f"n{number}" for number in range(int(nodes))]
    graph = Graph(
        PipelineConfig(
            streams={"a": StreamConfig(options=CaptureOptions(source="testcard"))},
            graph={
                name: NodeConfig(stage="detect", inputs=(before,))
                for name, before in zip(names, [CAPTURE, *names], strict=False)
            },
        ),
        live={"a": False},
        overload={},
    )
    workers = [
        Worker(graph.nodes[n], Nothing(), Rules(), lambda _: None, lambda _: None) for n in names
    ]
    made = [grey_frame(seq) for seq in range(int(frames))]
    for worker in workers:
        worker.start()
    with Stopwatch() as watch:
        for frame in made:
            graph.gates["a"].wait()
            graph.enter(frame)
        for worker in workers:
            worker.node.end()
            worker.join(time.monotonic() + 60)
    watch.tell(len(made) * len(names))


if __name__ == "__main__":
    main(*sys.argv[1:])
