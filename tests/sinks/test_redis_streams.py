"""What Redis keeps: Streams by way of the spool, latest states, who is running."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
from redis.asyncio import Redis

from sinks.embedded_redis import EmbeddedRedis
from sinks.errors import BadSink, SinkError
from sinks.redis import RedisSink
from sinks.wire import ResultMessage, decode_event, decode_result
from stages.events import Event
from tests.factory import deliveries
from tests.sinks.redis_parts import heard, kept, opened, server_process, subscribed, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

KEY = "framewire:a:detect"


async def entries(client: Redis, key: str = KEY) -> list[tuple[str, ResultMessage]]:
    """The id and the message of each entry."""
    return [
        (fields[b"id"].decode(), decode_result(fields[b"message"]))
        for _, fields in await client.xrange(key)
    ]


async def all_there(sink: RedisSink) -> None:
    """Wait until nothing is on disk any more."""
    await until(lambda: not sink.counts()["waiting"])


def counted(sink: RedisSink, *names: str) -> tuple[int, ...]:
    counts: Mapping[str, int] = sink.counts()
    return tuple(counts[name] for name in names)


async def test_an_entry_carries_the_id_of_its_result(server: EmbeddedRedis, client: Redis) -> None:
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(2))
    found = await entries(client)
    assert [name.rsplit(":", 1)[0] for name, _ in found] == ["a:0:detect", "a:1:detect"]
    assert {name.rsplit(":", 1)[1] for name, _ in found} == {found[0][1].run}


async def test_each_run_has_ids_of_its_own(server: EmbeddedRedis, client: Redis) -> None:
    for _ in range(2):
        async with opened(url=server.url) as sink:
            await sink.write(deliveries(1))
    (first, one), (second, two) = await entries(client)
    assert first != second
    assert (one.seq, two.seq) == (0, 0)


async def test_messages_are_numbered_by_stream_and_node(
    server: EmbeddedRedis, client: Redis
) -> None:
    async with opened(url=server.url) as sink:
        for _ in range(2):
            await sink.write(deliveries(2, "a") + deliveries(1, "b"))
        for name in ("source.lost", "source.back"):
            await sink.announce(Event(name, "a"))
    assert [message.number for _, message in await entries(client)] == [0, 1, 2, 3]
    assert [m.number for _, m in await entries(client, "framewire:b:detect")] == [0, 1]
    events = [decode_event(data) for data in await kept(client, "framewire:events")]
    assert [event.number for event in events] == [0, 1]


async def test_results_of_an_outage_arrive_after_it_in_order(
    server: EmbeddedRedis, client: Redis, tmp_path: Path
) -> None:
    async with opened(url=server.url, folder=tmp_path) as sink:
        await sink.write(deliveries(1))
        server_process().kill()
        server_process().wait()
        for _ in range(5):
            await sink.write(deliveries(2))
        await sink.announce(Event("source.lost", "a"))
        assert counted(sink, "direct_total", "spooled_total") == (1, 12)  # it is an event too
        await server.start()
        await all_there(sink)
        await sink.write(deliveries(1))
    found = await entries(client)  # the server that was killed took its entry with it
    assert [message.number for _, message in found] == list(range(1, 12))
    told = [decode_event(data).name for data in await kept(client, "framewire:events")]
    assert sorted(told) == ["delivery.resumed", "delivery.waiting", "source.lost"]


async def test_a_channel_is_silent_in_an_outage_and_speaks_again_after_it(
    server: EmbeddedRedis, client: Redis, tmp_path: Path
) -> None:
    pubsub = await subscribed(client, KEY)
    async with opened(url=server.url, folder=tmp_path) as sink:
        server_process().kill()
        server_process().wait()
        await sink.write(deliveries(3))
        await sink.write(deliveries(3))
        assert counted(sink, "published_total", "missed_total") == (0, 7)  # it is an event too
        await server.start()
        await all_there(sink)
        listening = asyncio.create_task(heard(pubsub, 1))
        async with asyncio.timeout(20):
            while not listening.done():
                await sink.write(deliveries(1))
        ((_, data),) = listening.result()
        assert (decode_result(data).number or 0) >= 6
    await pubsub.aclose()


async def test_what_a_run_leaves_on_disk_the_next_one_carries(
    server: EmbeddedRedis, client: Redis, tmp_path: Path
) -> None:
    await server.close()
    async with opened(url=server.url, folder=tmp_path) as sink:
        await sink.write(deliveries(3))
    await server.start()
    async with opened(url=server.url, folder=tmp_path) as sink:
        await all_there(sink)
        await sink.write(deliveries(1))
    found = [message for _, message in await entries(client)]
    assert [message.number for message in found] == [0, 1, 2, 0]
    assert found[2].run != found[3].run
    assert sorted(str(message.run) for message in found) == [message.run for message in found]


async def test_an_event_for_which_the_pipeline_waits_no_longer_arrives(
    server: EmbeddedRedis, client: Redis, tmp_path: Path
) -> None:
    async with opened(url=server.url, folder=tmp_path, give_up_s=60) as sink:
        server_process().suspend()
        try:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(sink.announce(Event("source.lost", "a")), 0.1)
        finally:
            server_process().resume()
        async with asyncio.timeout(20):
            while not (found := await kept(client, "framewire:events")):
                pass
    assert [decode_event(message).name for message in found] == ["source.lost"]


async def test_a_full_redis_is_waited_for_and_nothing_is_lost(
    server: EmbeddedRedis, client: Redis, tmp_path: Path
) -> None:
    await client.config_set("maxmemory", "1mb")
    async with opened(url=server.url, folder=tmp_path, latest_s=0) as sink:
        await sink.write(deliveries(3))
        assert counted(sink, "direct_total", "spooled_total", "missed_total") == (0, 3, 0)
        await client.config_set("maxmemory", "0")
        await all_there(sink)
    assert [message.number for _, message in await entries(client)] == [0, 1, 2]


async def test_a_batch_goes_in_as_a_whole_but_for_what_is_refused(
    server: EmbeddedRedis, client: Redis, tmp_path: Path
) -> None:
    await client.set(KEY, "not a stream")
    async with opened(url=server.url, folder=tmp_path) as sink:
        with pytest.raises(SinkError, match="1 of 3 commands refused, the first with: WRONGTYPE"):
            await sink.write(deliveries(1, "a") + deliveries(1, "b"))
    assert len(await entries(client, "framewire:b:detect")) == 1


async def test_a_spool_that_cannot_be_made_stops_the_start(
    server: EmbeddedRedis, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file where a folder is wanted")
    with pytest.raises(BadSink, match=r"spool .*redis\.sqlite: wanted a file to write"):
        async with opened(url=server.url, folder=tmp_path):
            pass


async def test_the_latest_state_stands_in_a_key_that_expires(
    server: EmbeddedRedis, client: Redis
) -> None:
    async with opened(url=server.url, latest_s=30) as sink:
        await sink.write(deliveries(3, "a") + deliveries(1, "b"))
    latest = await client.get("framewire:a:detect:latest")
    assert decode_result(latest).seq == 2
    assert 25_000 < await client.pttl("framewire:b:detect:latest") <= 30_000


async def test_all_streams_are_listed(server: EmbeddedRedis, client: Redis) -> None:
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(1, "a") + deliveries(1, "b"))
        await sink.announce(Event("source.lost", "a"))
    names = await cast("Awaitable[set[bytes]]", client.smembers("framewire:index"))
    assert names == {b"framewire:a:detect", b"framewire:b:detect", b"framewire:events"}


async def test_who_runs_is_known_until_it_leaves(server: EmbeddedRedis, client: Redis) -> None:
    async with opened(url=server.url, heartbeat_s=20) as sink:
        async with asyncio.timeout(10):
            while not (runs := await client.zrange("framewire:instances", 0, -1)):
                await sink.write([])
        (run,) = runs
        key = f"framewire:instances:{run.decode()}"
        told = msgspec.json.decode(await client.get(key))
        assert (told["sink"], told["streams"]) == ("redis", ["a", "b"])
        assert 50_000 < await client.pttl(key) <= 60_000
    assert await client.zrange("framewire:instances", 0, -1) == []
    assert await client.get(key) is None


async def test_a_stream_is_cut_to_an_age(server: EmbeddedRedis, client: Redis) -> None:
    long_ago = {"id": "old", "message": b"{}"}
    for n in range(200):
        await client.xadd(KEY, long_ago, id=f"1000-{n + 1}")
    options = {"url": server.url, "stream_length": 0, "stream_age_s": 60}
    async with opened(**options, heartbeat_s=0.01) as sink:
        await sink.write(deliveries(1))
        async with asyncio.timeout(10):
            while await client.xlen(KEY) > 100:  # a Stream goes by whole nodes of a hundred
                await sink.write([])
        assert (await entries(client))[-1][1].seq == 0
        assert 0 < await client.pttl(KEY) <= 61_000


async def test_a_user_with_few_rights_and_a_database_will_do(
    server: EmbeddedRedis, client: Redis
) -> None:
    await client.execute_command(
        *("ACL", "SETUSER", "cameras", "on", ">p@ss:word", "~site:*", "&site:*", "resetkeys"),
        *("~site:*", "+@write", "+@read", "+publish", "+ping", "+@connection", "+@transaction"),
    )
    url = server.url.replace("redis://", "redis://cameras:p%40ss%3Aword@") + "/3"
    async with opened(url=url, prefix="site") as sink:
        await sink.write(deliveries(2))
        assert counted(sink, "direct_total", "published_total") == (2, 2)
        assert sink.address().startswith("redis://cameras:***@127.0.0.1")
    async with Redis.from_url(server.url + "/3") as third:
        assert len(await entries(third, "site:a:detect")) == 2


async def test_what_a_user_may_not_do_waits_until_it_may(
    server: EmbeddedRedis, client: Redis, tmp_path: Path
) -> None:
    rights = ("ACL", "SETUSER", "default")
    async with opened(url=server.url, folder=tmp_path) as sink:
        await client.execute_command(*rights, "-xadd")
        await sink.write(deliveries(2))
        assert counted(sink, "direct_total", "spooled_total") == (0, 2)
        await client.execute_command(*rights, "+xadd")
        await all_there(sink)
    assert len(await entries(client)) == 2
