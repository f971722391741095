"""docs/redis.md says what works."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from redis.asyncio import Redis

from sinks.embedded_redis import EmbeddedRedis
from sinks.redis import watch
from stages.events import Event
from tests.factory import deliveries
from tests.sinks.redis_parts import opened
from tests.sinks.test_redis_watch import all_of, listens

PAGE = (Path(__file__).parents[2] / "docs" / "redis.md").read_text("utf-8")


async def test_its_worker_does_each_result_once(server: EmbeddedRedis, client: Redis) -> None:
    (program,) = re.findall(r"<!-- worker\.py.*?-->\n```python\n(.*?)```", PAGE, re.DOTALL)
    key = "framewire:a:detect"
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(3))
        for _, fields in await client.xrange(key):
            await client.xadd(key, fields)  # as a lost answer would have it
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, server.url, key, "doors", "worker-1"),
            stdout=subprocess.PIPE,
        )
        assert worker.stdout is not None
        async with asyncio.timeout(20):
            said = [(await worker.stdout.readline()).decode().strip() for _ in range(3)]
            while True:
                (group,) = await client.xinfo_groups(key)
                if (group["pending"], group["lag"]) == (0, 0):
                    break
            await sink.write(deliveries(4)[3:])
            said.append((await worker.stdout.readline()).decode().strip())
        worker.kill()
        await worker.communicate()
    assert said == [f"a {number} ['person']" for number in range(4)]


def rights(user: str) -> list[str]:
    (told,) = re.findall(rf"```\n(ACL SETUSER {user} .*?)```", PAGE, re.DOTALL)
    return str(told).replace("\\\n", " ").split()


async def test_its_user_who_watches_may_do_that(server: EmbeddedRedis, client: Redis) -> None:
    await client.execute_command(*rights("eyes"))
    url = server.url.replace("redis://", "redis://eyes:PASSWORD@")
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(2))
        assert len(await all_of(watch(url, events=True, follow=False))) == 2
        taking = await listens(client, watch(url, events=True, over="channel"), 2)
        await sink.write(deliveries(2))
        await sink.announce(Event("source.lost", "a"))
        assert len(await taking) == 2
    assert [one for one in await client.acl_log() if one["username"] == "eyes"] == []


async def test_its_user_may_do_what_the_sink_does(
    server: EmbeddedRedis, client: Redis, tmp_path: Path
) -> None:
    await client.execute_command(*rights("cameras"))
    url = server.url.replace("redis://", "redis://cameras:PASSWORD@")
    options = {"url": url, "stream_age_s": 60, "heartbeat_s": 0.05, "folder": tmp_path}
    async with opened(**options) as sink:
        await sink.write(deliveries(2))
        async with asyncio.timeout(10):
            while not await client.exists("framewire:instances"):
                pass
            while await client.ttl("framewire:a:detect") < 0:
                pass
        counts = sink.counts()
        assert (counts["direct_total"], counts["published_total"], counts["spooled_total"]) == (
            2,
            2,
            0,
        )
    assert not await client.exists("framewire:instances")
    denied = [entry for entry in await client.acl_log() if entry["username"] == "cameras"]
    assert denied == []
