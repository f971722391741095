"""Redis as it is run in earnest: watched by Sentinels, as a Cluster, behind TLS."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from pydantic import ValidationError
from redis.asyncio import Redis, RedisCluster

from sinks.embedded_redis import HOST, EmbeddedRedis
from sinks.errors import BadSink, SinkLost
from sinks.redis import RedisOptions, watch
from sinks.redis.connect import Address, connect
from stages.events import Event
from tests.factory import deliveries
from tests.sinks.redis_parts import opened, until
from tests.sinks.redis_server import RedisServer, free_port
from tests.sinks.tls import behind_tls, certificate


async def numbers(url: str, count: int, **asked: object) -> list[int | None]:
    """Of the first messages of stream `a`."""
    found: list[int | None] = []
    async with watch(url, stream="a", since="0", **asked) as messages, asyncio.timeout(20):  # type: ignore[arg-type]
        async for message in messages:
            found.append(message.number)
            if len(found) == count:
                break
    return found


@asynccontextmanager
async def cluster(folder: Path, nodes: int = 3) -> AsyncIterator[list[RedisServer]]:
    """A Cluster without replicas, its slots shared out evenly."""
    buses = [free_port() for _ in range(nodes)]  # by default 10,000 above, where no port may be
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port")
    servers = [RedisServer(folder / str(bus), *options, str(bus)) for bus in buses]
    async with AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(server)
        edges = [16384 * n // nodes for n in range(nodes + 1)]
        for server, first, behind in zip(servers, edges, edges[1:], strict=False):
            async with Redis.from_url(server.url) as client:
                await client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, behind - 1)
                await client.execute_command("CLUSTER", "MEET", HOST, servers[0].port, buses[0])
        for server in servers:
            await _agreed(server, nodes)
        yield servers


async def _agreed(server: RedisServer, nodes: int) -> None:
    async with Redis.from_url(server.url) as client, asyncio.timeout(30):
        while True:
            told = str(await client.execute_command("CLUSTER", "INFO"))
            if "cluster_state:ok" in told and f"cluster_known_nodes:{nodes}" in told:
                return
            await asyncio.sleep(0.05)


async def test_in_a_cluster_each_stream_lies_on_one_node(tmp_path: Path) -> None:
    async with cluster(tmp_path / "cluster") as servers:
        url = servers[0].url
        async with opened(url=url, cluster=True, folder=tmp_path, give_up_s=10) as sink:
            for _ in range(3):
                await sink.write([one for name in "abcdefgh" for one in deliveries(4, name)])
            await sink.announce(Event("source.lost", "a"))
            assert sink.counts()["direct_total"] == sink.counts()["published_total"] == 8 * 12 + 1
            assert await numbers(url, 12, cluster=True) == list(range(12))
        async with RedisCluster.from_url(url) as client:
            places = {
                name: {
                    client.keyslot(f"framewire:{{{name}}}:detect{more}") for more in ("", ":latest")
                }
                for name in "abcdefgh"
            }
            assert all(len(slots) == 1 for slots in places.values())
            homes = {
                client.get_node_from_key(f"framewire:{{{name}}}:detect").port for name in places
            }
            assert len(homes) > 1
            assert await client.get("framewire:{a}:detect:latest")


@pytest.mark.slow
async def test_a_cluster_that_lost_a_node_gets_what_it_missed(tmp_path: Path) -> None:
    async with cluster(tmp_path / "cluster") as servers:
        url = servers[0].url
        async with opened(url=url, cluster=True, folder=tmp_path, give_up_s=2) as sink:
            await sink.write(deliveries(2))
            async with RedisCluster.from_url(url) as client:
                home = client.get_node_from_key("framewire:{a}:detect").port
            (server,) = [one for one in servers if one.port == home]
            server.kill()
            await sink.write(deliveries(3))
            assert sink.counts()["spooled_total"] == 3
            await server.start()
            alive = next(one for one in servers if one is not server)
            assert await numbers(alive.url, 3, cluster=True) == [2, 3, 4]


async def test_a_channel_of_a_cluster_can_be_watched(tmp_path: Path) -> None:
    async with cluster(tmp_path / "cluster") as servers:
        url = servers[0].url
        async with opened(
            url=url, cluster=True, folder=tmp_path, give_up_s=10, heartbeat_s=0
        ) as sink:
            watching = watch(url, over="channel", cluster=True, stream="a")
            messages = aiter(watching)
            taking = asyncio.create_task(anext(messages))
            async with asyncio.timeout(20):
                while not taking.done():
                    await sink.write(deliveries(1))
            assert (await taking).number is not None
            await watching.aclose()


@asynccontextmanager
async def watched_over(folder: Path) -> AsyncIterator[tuple[RedisServer, RedisServer, RedisServer]]:
    """A master, its replica, and a Sentinel that looks after them."""
    async with RedisServer(folder / "master") as master:
        replica = RedisServer(folder / "replica", "--replicaof", f"{HOST} {master.port}")
        sentinel = RedisServer(
            folder / "sentinel",
            f"sentinel monitor theatre {HOST} {master.port} 1",
            "sentinel down-after-milliseconds theatre 300",
            "sentinel failover-timeout theatre 2000",
            sentinel=True,
        )
        async with replica, sentinel:
            async with Redis.from_url(sentinel.url) as asked, asyncio.timeout(30):
                while True:
                    told = await cast("Awaitable[object]", asked.sentinel_master("theatre"))
                    assert isinstance(told, dict)
                    if int(told["num-slaves"]) == 1 and await _in_step(replica):
                        break
                    await asyncio.sleep(0.05)
            yield master, replica, sentinel


async def _in_step(replica: RedisServer) -> bool:
    async with Redis.from_url(replica.url) as client:
        return (await client.info("replication"))["master_link_status"] == "up"


@pytest.mark.slow
async def test_after_a_failover_results_go_on_to_the_new_master(tmp_path: Path) -> None:
    async with watched_over(tmp_path) as (master, replica, sentinel):
        url = f"redis+sentinel://{HOST}:1,{HOST}:{sentinel.port}/theatre/0"
        async with opened(url=url, folder=tmp_path) as sink:
            await sink.write(deliveries(2))
            assert sink.counts()["direct_total"] == 2
            await _copied(replica, 2)
            master.kill()
            await sink.write(deliveries(3))
            await until(lambda: not sink.counts()["waiting"], limit_s=60)
            assert await numbers(url, 5) == [0, 1, 2, 3, 4]
        await _copied(replica, 5)


async def _copied(replica: RedisServer, count: int) -> None:
    async with Redis.from_url(replica.url) as client, asyncio.timeout(20):
        while await client.xlen("framewire:a:detect") < count:
            pass


def test_an_address_of_sentinels_is_read(tmp_path: Path) -> None:
    url = "rediss+sentinel://ann:p%40ss@one:1,two,[::1]:3/theatre/3"
    client = connect(Address(url, ca=certificate(tmp_path)))
    assert isinstance(client, Redis)
    told = client.connection_pool.connection_kwargs
    assert (told["username"], told["password"], told["db"]) == ("ann", "p@ss", 3)
    asked = client.connection_pool.sentinel_manager.sentinels  # type: ignore[attr-defined]
    places = [one.connection_pool.connection_kwargs for one in asked]
    assert [(one["host"], one["port"]) for one in places] == [
        *(("one", 1), ("two", 26379), ("::1", 3)),
    ]


@pytest.mark.parametrize(
    "rest",
    ["one:1", "/theatre", "one:x/theatre", "one/theatre/x", "one/theatre?ssl_certfile=a"],
)
def test_an_address_of_sentinels_that_lacks_something_is_refused(rest: str) -> None:
    with pytest.raises(BadSink, match="wanted redis://"):
        connect(Address(f"redis+sentinel://{rest}"))


def test_a_cluster_wants_one_of_its_nodes() -> None:
    with pytest.raises(ValidationError, match="one of its nodes"):
        RedisOptions(cluster=True)


async def test_a_database_that_is_no_number_is_refused() -> None:
    with pytest.raises(BadSink, match="number of a database"):
        async with opened(url="redis://localhost/results"):
            pass


@pytest.mark.parametrize("url", ["redis://localhost?colour=red", "unix:///s?colour=red"])
async def test_an_address_with_a_word_that_means_nothing_is_refused(url: str) -> None:
    with pytest.raises(BadSink, match="'colour'"):
        async with opened(url=url):
            pass


async def test_certificates_that_are_not_there_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadSink, match=r"ca .*none\.pem: wanted certificates, got: .*No such file"):
        async with opened(url="rediss://localhost", ca=tmp_path / "none.pem"):
            pass


async def test_over_tls_a_server_is_known_by_its_certificate(
    server: EmbeddedRedis, client: Redis, tmp_path: Path
) -> None:
    file = certificate(tmp_path)
    async with behind_tls(file, server.port) as port:
        url = f"rediss://{HOST}:{port}"
        async with opened(url=url, ca=file) as sink:
            await sink.write(deliveries(2))
            assert sink.counts()["direct_total"] == 2
            assert await numbers(url, 2, ca=file) == [0, 1]
        async with opened(url=url) as sink:  # the system does not know who signed it
            with pytest.raises(SinkLost, match="certificate verify failed"):
                await sink.write(deliveries(1))
    assert await client.xlen("framewire:a:detect") == 2
