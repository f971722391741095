"""restream.yaml with a real camera, a real receiver and a real player."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import av
import pytest
from prometheus_client import CollectorRegistry

from pipeline.config import load_config
from pipeline.pipeline import Pipeline
from pipeline.server import serving
from stages.capture.testcard import read_counter
from stages.picture import Picture
from tests.configs.switched import switched_on
from tests.pipeline.running import total
from tests.servers.process import ServerProcess
from tests.sinks.restream.receiver import Receiver

CONFIG = Path(__file__).parents[2] / "configs" / "restream.yaml"


ROUND = 250  # pictures, after which the server begins anew


def play(address: str) -> list[int | None]:
    with av.open(f"{address}/streams/yard/index.m3u8", "r") as container:
        frames = container.decode(video=0)
        return [read_counter(Picture.from_av(next(frames))) for _ in range(30)]


def no_gap(numbers: Sequence[int | None]) -> bool:
    first = numbers[0]
    return first is not None and all(
        number == (first + n) % ROUND for n, number in enumerate(numbers)
    )


@pytest.mark.slow
async def test_a_server_and_players_get_every_picture() -> None:
    with ServerProcess("tests.servers.rtsp") as camera, Receiver("rtmp") as receiver:
        environ = {"CAMERA_1": "rtsp://nobody.invalid", "SERVER": receiver.url[: -len("/a")]}
        config = load_config(CONFIG, environ, sources=[camera.urls["card"]])
        async with Pipeline(config) as pipeline:
            sinks = pipeline.parts.sinks.values()
            routes = [route for sink in sinks for route in sink.routes()]
            async with serving("127.0.0.1:0", routes, dict, CollectorRegistry()) as address:
                running = asyncio.create_task(pipeline.run())
                played = await asyncio.to_thread(play, address)
                pushed = await asyncio.to_thread(receiver.wait, 30)
                pipeline.stop()
                await running
    assert no_gap(played)
    assert no_gap([one.number for one in pushed])
    assert total(pipeline, "server").done == 0
    assert total(pipeline, "players").done > 30


def test_what_waits_behind_a_mark_is_a_sink(tmp_path: Path) -> None:
    path = tmp_path / "restream.yaml"
    path.write_text(switched_on(CONFIG, "recorder"))
    config = load_config(path, {"CAMERA_1": "testcard", "SERVER": "rtmp://127.0.0.1/live"})
    assert config.sinks["recorder"].options.model_dump()["to"] == "rtsp://recorder:8554/{stream}"
