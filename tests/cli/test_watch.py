"""`framewire watch`, on a real Redis."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import Result

from pipeline.commands.watch import moment
from sinks.embedded_redis import EmbeddedRedis
from stages.events import Event
from tests.cli.test_cli import framewire
from tests.factory import deliveries
from tests.sinks.conftest import client, server  # noqa: F401 - fixtures
from tests.sinks.redis_parts import opened

ROOT = Path(__file__).parents[2]


async def watched(*arguments: str) -> Result:
    return await asyncio.to_thread(framewire, "watch", *arguments)


async def test_it_prints_what_is_there_a_line_each(server: EmbeddedRedis) -> None:  # noqa: F811
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(3) + deliveries(1, "b"))
        await sink.announce(Event("source.lost", "a"))
        everything = await watched(server.url, "--events")
        one = await watched(server.url, "--stream", "b", "--node", "detect")
    lines = [json.loads(line) for line in everything.stdout.splitlines()]
    assert sorted(line.get("stream", line.get("name")) for line in lines) == [
        *("a", "a", "a", "b", "source.lost"),
    ]
    assert [json.loads(line)["stream"] for line in one.stdout.splitlines()] == ["b"]
    assert (everything.exit_code, everything.stderr) == (0, "")


async def test_it_follows_until_ctrl_c(server: EmbeddedRedis) -> None:  # noqa: F811
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(1))
        command = [sys.executable, "-m", "pipeline", "watch", server.url, "--follow", "--since"]
        told = await asyncio.create_subprocess_exec(
            *command, "0", cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert told.stdout is not None
        async with asyncio.timeout(30):
            assert json.loads(await told.stdout.readline())["number"] == 0
            await sink.write(deliveries(1))
            assert json.loads(await told.stdout.readline())["number"] == 1
            told.send_signal(2)
            _, errors = await told.communicate()
    assert (told.returncode, errors) == (0, b"")


async def test_a_redis_that_is_away_is_told(server: EmbeddedRedis) -> None:  # noqa: F811
    await server.close()
    found = await watched(server.url.replace("//", "//:geheim@"))
    assert found.exit_code == 1
    assert "is away" in found.stderr
    assert "geheim" not in found.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["http://localhost"], "wanted redis://"),
        (["redis://localhost", "--since", "tomorrow"], "--since tomorrow: wanted an id"),
        (["redis://localhost", "--since", f"{'9' * 20}d"], "wanted an id"),
        (["redis://localhost?colour=red"], "unexpected keyword argument 'colour'"),
        (["redis://localhost", "--live", "--since", "0"], "a channel has no past"),
    ],
)
async def test_what_makes_no_sense_is_told(arguments: list[str], said: str) -> None:
    found = await watched(*arguments)
    assert found.exit_code in {1, 2}
    assert said in found.stderr


async def test_a_place_that_is_none_is_told_though_it_follows(server: EmbeddedRedis) -> None:  # noqa: F811
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(1))
    found = await watched(server.url, "--follow", "--since", "9" * 30)
    assert found.exit_code == 1
    assert "wanted to read on, got: Invalid stream ID" in found.stderr


@pytest.mark.parametrize("since", ["9999999d", "1900-01-01"])
async def test_before_all_time_is_all(server: EmbeddedRedis, since: str) -> None:  # noqa: F811
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(1))
    found = await watched(server.url, "--since", since)
    assert (found.exit_code, len(found.stdout.splitlines())) == (0, 1)


def test_since_is_an_id_a_moment_or_how_long_ago() -> None:
    assert moment(None) is None
    assert moment("1718000000000-3") == "1718000000000-3"
    assert moment("1.5h") == timedelta(minutes=90)
    assert moment("2025-06-01T12:00:00Z") == datetime(2025, 6, 1, 12, tzinfo=UTC)
    assert moment("2025-06-01") == datetime(2025, 6, 1, tzinfo=UTC)
