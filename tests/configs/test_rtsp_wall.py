"""configs/rtsp-wall.yaml, with sixteen real RTSP connections."""

from pathlib import Path

import pytest

from pipeline.config import load_config
from pipeline.pipeline import Pipeline
from tests.pipeline.running import total
from tests.servers.process import ServerProcess

CONFIG = Path(__file__).parents[2] / "configs" / "rtsp-wall.yaml"
SECONDS = 5


@pytest.mark.slow
async def test_sixteen_cameras_share_one_detector_and_none_is_left_out() -> None:
    with ServerProcess("tests.servers.rtsp") as server:
        environ = {"NVR": "rtsp://nobody.invalid", "LISTEN": "127.0.0.1:0"}
        config = load_config(CONFIG, environ, sources=[server.urls["card"]])
        async with Pipeline(config) as pipeline:
            await pipeline.run(SECONDS)
    ledger = pipeline.parts.graph.ledger()
    assert all(balance.balanced for node in ledger.values() for balance in node.values())
    looked = {stream: balance.done for stream, balance in ledger["faces"].items()}
    assert len(looked) == 16
    # Five a second are wanted of each; a machine that is busy gives fewer, but to all of them.
    assert min(looked.values()) >= 0.6 * max(looked.values()) > 0
    assert total(pipeline, "redis").done == total(pipeline, "faces").done
    effort = pipeline.workers["faces"].effort
    assert effort.frames > 1.5 * effort.batches, "frames of several cameras go in one call"
