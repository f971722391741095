"""Whether it lives and whether it is ready."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from pipeline.config import load_config
from pipeline.health import health_routes
from pipeline.isolation import IsolatedStage, WorkerLost
from pipeline.pipeline import Pipeline
from pipeline.server import serving
from stages.stage import Options, StageContext
from tests.factory import grey_frame
from tests.pipeline import stages

LIMIT = 30.0  # seconds after which a test gives up


@asynccontextmanager
async def asked(folder: Path, streams: str) -> AsyncIterator[tuple[Pipeline, httpx.AsyncClient]]:
    """A pipeline that does not run yet, and somebody who asks how it is."""
    (folder / "config.yaml").write_text(f"""
custom_stages: [., "{stages.__file__}"]
streams: {streams}
graph: {{ count: {{ stage: "{stages.__file__}:Count" }} }}
sinks: {{ "null": {{ sink: "null", from: count }} }}
""")
    async with Pipeline(load_config(folder / "config.yaml")) as pipeline:
        routes = health_routes(pipeline.not_ready)
        async with (
            serving("127.0.0.1:0", routes, dict, CollectorRegistry()) as address,
            httpx.AsyncClient(base_url=address, timeout=10) as client,
        ):
            yield pipeline, client


async def until_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(LIMIT):
        while (await client.get("/readyz")).status_code != 200:
            pass


async def test_it_is_ready_when_a_frame_has_come_and_no_longer_when_it_stops(
    tmp_path: Path,
) -> None:
    async with asked(tmp_path, "{ a: { source: testcard, size: 128x64 } }") as (pipeline, client):
        early = await client.get("/readyz")
        assert early.status_code == 503
        assert early.json() == {"ready": False, "not_ready": {"stream a": "no frame yet"}}
        assert (await client.get("/livez")).text == "ok"
        run = asyncio.create_task(pipeline.run())
        await until_ready(client)
        assert (await client.get("/readyz")).json() == {"ready": True, "not_ready": {}}
        pipeline.stop()
        late = await client.get("/readyz")
        assert (late.status_code, late.json()["not_ready"]) == (503, {"pipeline": "is stopping"})
        assert (await client.get("/livez")).status_code == 200
        await run


async def test_a_camera_that_is_known_to_be_away_is_not_waited_for(tmp_path: Path) -> None:
    gone = '{ a: { source: "rtsp://127.0.0.1:9/none" } }'
    async with asked(tmp_path, gone) as (pipeline, client):
        run = asyncio.create_task(pipeline.run())
        await until_ready(client)
        assert pipeline.captures["a"].outages == 1
        pipeline.stop()
        await run


def test_a_process_that_is_replaced_is_ready_when_its_stage_is_made() -> None:
    stage = IsolatedStage(
        f"{stages.__file__}:DieAt", Options(), StageContext("node"), stateless=True, announce=print
    )
    ready = [stage.ready]
    with pytest.raises(WorkerLost):
        stage.run([grey_frame(5)])
    ready.append(stage.ready)
    stage.run([grey_frame(6)])
    ready.append(stage.ready)
    stage.close()
    assert ready == [True, False, True]
