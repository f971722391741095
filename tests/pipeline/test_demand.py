"""What a source is told that nobody will look at."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.graph import demand
from stages.source import Demand
from tests.config.parts import load
from tests.pipeline.running import run, total


@pytest.mark.parametrize(
    ("readers", "wanted"),
    [
        (["fps: 5", "fps: 2"], Demand(fps=5)),
        (["fps: 5", ""], Demand()),
        (["every: 6", "every: 4"], Demand(every=2)),
        (["every: 6"], Demand(every=6)),
        (["every: 2", "every: 3"], Demand()),
        (["every: 6", "every: 4, fps: 2"], Demand(every=2)),
        (["every: 6", "fps: 2"], Demand()),
        (["every: 6", "from: n0"], Demand(every=6)),
        (["every: 6", "streams: b"], Demand(every=6)),
    ],
)
def test_a_stream_is_asked_for_what_its_readers_want(readers: list[str], wanted: Demand) -> None:
    nodes = ", ".join(f"n{i}: {{stage: look, {keys}}}" for i, keys in enumerate(readers))
    assert demand(load("streams: {a: x, b: y}\ngraph: {" + nodes + "}"), "a") == wanted


async def test_the_nth_pictures_reach_the_node_and_the_others_are_not_even_made(
    tmp_path: Path,
) -> None:
    (tmp_path / "pictures").mkdir()
    for number in range(30):
        cv2.imwrite(str(tmp_path / "pictures" / f"{number:02}.png"), np.zeros((48, 64, 3), "u1"))
    pipeline = await run(
        tmp_path,
        """
        streams: { a: pictures }
        graph: { count: { stage: "{stages}:Count", every: 4 } }
        sinks: { out: { sink: "null", from: count } }
        """,
    )
    assert total(pipeline, "out").done == 8
    assert total(pipeline, "count").dropped == {}
    assert pipeline.captures["a"].source.stats.counts["spared"] == 22
