"""Results out of Redis again."""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from sinks.embedded_redis import EmbeddedRedis
from sinks.errors import SinkLost
from sinks.redis import Gap, Watch, watch
from sinks.redis.numbers import Checklist
from sinks.wire import EventMessage, Message, ResultMessage, encode, result_message
from stages.events import Event
from tests.factory import BEGAN, deliveries, delivery, detections, grey_frame, top_labels
from tests.sinks.redis_parts import opened, server_process, until

KEY = "framewire:a:detect"


async def all_of(watching: Watch) -> list[Message]:
    async with aclosing(aiter(watching)) as messages, asyncio.timeout(20):
        return [message async for message in messages]


async def some_of(watching: Watch, count: int) -> list[Message]:
    found: list[Message] = []
    async with watching, asyncio.timeout(20):
        async for message in watching:
            found.append(message)
            if len(found) == count:
                break
    return found


async def follows(watching: Watch, count: int) -> "asyncio.Task[list[Message]]":
    """Begin to take messages; when this returns, it has found the Streams that are there."""
    taking = asyncio.create_task(some_of(watching, count))
    await until(lambda: bool(watching.positions))
    return taking


def numbers(messages: list[Message]) -> list[int | None]:
    return [message.number for message in messages]


async def test_what_is_there_is_given_and_then_it_ends(server: EmbeddedRedis) -> None:
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(500))
    found = await all_of(watch(server.url, follow=False))
    assert numbers(found) == list(range(500))
    assert all(isinstance(message, ResultMessage) for message in found)


async def test_nothing_there_is_an_end_too(server: EmbeddedRedis) -> None:
    assert await all_of(watch(server.url, follow=False)) == []


async def test_only_what_is_asked_for_is_given(server: EmbeddedRedis) -> None:
    frame = grey_frame(0, results={"detect": detections(), "classify": top_labels({"cat": 0.5})})
    async with opened(url=server.url) as sink:
        await sink.write([delivery(frame, "detect"), delivery(frame, "classify")])
        await sink.write(deliveries(1, "b"))
        await sink.announce(Event("source.lost", "a"))
        await sink.announce(Event("source.lost", "b"))

    async def found(**asked: object) -> list[tuple[str, str]]:
        messages = await all_of(watch(server.url, follow=False, **asked))  # type: ignore[arg-type]
        return sorted(
            (one.name, one.about) if isinstance(one, EventMessage) else (one.stream, one.node)
            for one in messages
        )

    assert await found() == [("a", "classify"), ("a", "detect"), ("b", "detect")]
    assert await found(stream="a") == [("a", "classify"), ("a", "detect")]
    assert await found(node="classify") == [("a", "classify")]
    assert await found(stream="b", events=True) == [("b", "detect"), ("source.lost", "b")]


async def test_what_comes_from_now_on_is_followed_and_new_streams_too(
    server: EmbeddedRedis,
) -> None:
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(3))
        taking = await follows(watch(server.url), 4)
        await sink.write(deliveries(2))
        await sink.write(deliveries(2, "b"))
        found = await taking
    assert {(m.stream, m.number) for m in found if isinstance(m, ResultMessage)} == {
        *(("a", 3), ("a", 4)),
        *(("b", 0), ("b", 1)),
    }


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_it_reads_both_formats(server: EmbeddedRedis, encoding: str) -> None:
    async with opened(url=server.url, format=encoding, prefix="site") as sink:
        await sink.write(deliveries(1))
    (found,) = await all_of(watch(server.url, prefix="site", follow=False))
    assert isinstance(found, ResultMessage)
    assert found.data["labels"] == ["person"]


async def test_it_goes_on_where_an_earlier_one_was(server: EmbeddedRedis) -> None:
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(5))
        first = watch(server.url, since="0")
        assert numbers(await some_of(first, 3)) == [0, 1, 2]
        # The third was given but not finished with: the loop was left in it.
        again = watch(server.url, since=first.positions, follow=False)
        assert numbers(await all_of(again)) == [2, 3, 4]


async def test_it_may_begin_some_time_ago(server: EmbeddedRedis, client: Redis) -> None:
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(2))
    fields = (await client.xrange(KEY))[0][1]
    await client.delete(KEY)
    await client.xadd(KEY, fields, id="1000-0")
    assert await all_of(watch(server.url, since=timedelta(minutes=1), follow=False)) == []
    assert len(await all_of(watch(server.url, follow=False))) == 1


async def test_what_came_twice_is_given_once(server: EmbeddedRedis, client: Redis) -> None:
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(3))
    for _, fields in await client.xrange(KEY):
        await client.xadd(KEY, fields)
    watching = watch(server.url, follow=False)
    assert numbers(await all_of(watching)) == [0, 1, 2]
    assert watching.doubles == 3


async def test_what_is_missing_is_told_before_what_lies_behind_it(
    server: EmbeddedRedis, client: Redis
) -> None:
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(6))
    places = [place for place, _ in await client.xrange(KEY)]
    await client.xdel(KEY, *places[2:4])
    told: list[Gap] = []
    watching = watch(server.url, follow=False, on_gap=told.append)
    assert numbers(await all_of(watching)) == [0, 1, 4, 5]
    assert [(gap.subject, gap.first, gap.last) for gap in told] == [(("a", "detect"), 2, 3)]
    assert watching.missing == 2


async def test_the_next_run_begins_anew_and_is_no_double(server: EmbeddedRedis) -> None:
    for _ in range(2):
        async with opened(url=server.url) as sink:
            await sink.write(deliveries(2))
    watching = watch(server.url, follow=False)
    assert numbers(await all_of(watching)) == [0, 1, 0, 1]
    assert (watching.doubles, watching.missing) == (0, 0)


async def test_what_cannot_be_read_is_counted(server: EmbeddedRedis, client: Redis) -> None:
    async with opened(url=server.url) as sink:
        await client.xadd(KEY, {"message": b'{"schema":9}'})
        await client.xadd(KEY, {"other": b"entry"})
        await sink.write(deliveries(1))
    watching = watch(server.url, follow=False)
    assert numbers(await all_of(watching)) == [0]
    assert watching.unreadable == 2


async def test_it_waits_for_a_redis_that_goes_away(server: EmbeddedRedis, tmp_path: Path) -> None:
    async with opened(url=server.url, folder=tmp_path) as sink:
        await sink.write(deliveries(1))
        taking = await follows(watch(server.url), 3)
        server_process().kill()
        server_process().wait()
        await sink.write(deliveries(2))
        await server.start()
        await sink.write(deliveries(1))
        assert numbers(await taking) == [1, 2, 3]


@pytest.mark.parametrize("over", ["stream", "channel"])
async def test_it_ends_at_once_when_it_is_cancelled(server: EmbeddedRedis, over: str) -> None:
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(1))
        for wait in range(8):  # at another point of its way each time
            taking = asyncio.create_task(all_of(watch(server.url, over=over)))  # type: ignore[arg-type]
            for _ in range(wait):
                await asyncio.to_thread(int)
            taking.cancel()
            done, _ = await asyncio.wait([taking], timeout=5)
            assert done
            assert taking.cancelled()


@pytest.mark.parametrize("over", ["stream", "channel"])
async def test_a_redis_that_is_not_there_is_an_error(server: EmbeddedRedis, over: str) -> None:
    await server.close()
    with pytest.raises(SinkLost, match=r"127\.0\.0\.1:\d+ is away"):
        await some_of(watch(server.url, over=over), 1)  # type: ignore[arg-type]


def test_a_channel_has_no_past() -> None:
    with pytest.raises(ValueError, match="a channel has no past"):
        watch("redis://localhost", over="channel", since="0")


async def listens(client: Redis, watching: Watch, count: int) -> "asyncio.Task[list[Message]]":
    """Begin to take messages of channels; when this returns, it has subscribed."""
    taking = asyncio.create_task(some_of(watching, count))
    async with asyncio.timeout(10):
        while not await client.pubsub_numpat():
            pass
    return taking


async def test_a_channel_gives_each_message_as_it_comes(
    server: EmbeddedRedis, client: Redis
) -> None:
    async with opened(url=server.url) as sink:
        taking = await listens(client, watch(server.url, over="channel", events=True), 3)
        await sink.write(deliveries(2))
        await sink.announce(Event("source.lost", "a"))
        first, second, event = await taking
    assert numbers([first, second]) == [0, 1]
    assert isinstance(event, EventMessage)


async def say(client: Redis, *numbers: int, heard: bool, kept: bool, run: str = "r1") -> None:
    """What a sink says: over the channel, into the Stream, or both."""
    for number in numbers:
        frame = grey_frame(number, results={"detect": detections()})
        data = encode(result_message(frame, "detect", BEGAN, 0, run=run, number=number))
        if kept:
            await client.xadd(KEY, {"id": f"a:{number}:detect:{run}", "message": data})
        if heard:
            await client.publish(KEY, data)


async def test_what_a_channel_missed_is_taken_from_the_stream_in_its_order(
    server: EmbeddedRedis, client: Redis
) -> None:
    watching = watch(server.url, over="channel")
    taking = await listens(client, watching, 1206)
    await say(client, 0, heard=True, kept=True)
    await say(client, *range(1, 1200), heard=False, kept=True)
    await say(client, 1200, heard=True, kept=True)
    await say(client, 0, 1, 2, heard=False, kept=True, run="r2")
    await say(client, 3, 4, heard=True, kept=True, run="r2")
    assert numbers(await taking) == [*range(1201), *range(5)]
    assert watching.missing == 0


async def test_what_is_still_on_its_way_into_the_stream_is_waited_for(
    server: EmbeddedRedis, client: Redis
) -> None:
    taking = await listens(client, watch(server.url, over="channel"), 3)
    await say(client, 0, heard=True, kept=True)
    await say(client, 2, heard=True, kept=False)
    await say(client, 1, heard=False, kept=True)
    assert numbers(await taking) == [0, 1, 2]


async def test_what_the_stream_has_not_either_is_told(server: EmbeddedRedis, client: Redis) -> None:
    told: list[Gap] = []
    taking = await listens(client, watch(server.url, over="channel", on_gap=told.append), 3)
    await say(client, 0, heard=True, kept=True)
    await say(client, 2, heard=False, kept=True)
    await say(client, 4, heard=True, kept=True)
    assert numbers(await taking) == [0, 2, 4]
    assert [(gap.first, gap.last) for gap in told] == [(1, 1), (3, 3)]


async def test_who_may_only_listen_hears_what_comes_behind_a_gap(
    server: EmbeddedRedis, client: Redis
) -> None:
    rights = ("-@all", "+ping", "+hello", "+client|setinfo", "+client|setname", "allchannels")
    rights += ("+subscribe", "+psubscribe", "+unsubscribe", "+punsubscribe")
    await client.execute_command("ACL", "SETUSER", "ear", "on", ">open-sesame", *rights)
    url = server.url.replace("//", "//ear:open-sesame@")
    told: list[Gap] = []
    taking = await listens(client, watch(url, over="channel", on_gap=told.append), 3)
    await say(client, 0, 2, 3, heard=True, kept=False)
    assert numbers(await taking) == [0, 2, 3]
    assert [(gap.first, gap.last) for gap in told] == [(1, 1)]


async def test_a_sink_that_had_been_there_before_has_no_gap(
    server: EmbeddedRedis, client: Redis
) -> None:
    async with opened(url=server.url) as one, opened(url=server.url) as other:
        for sink in (one, other):
            await sink.announce(Event("source.lost", "a"))
            await sink.announce(Event("source.back", "a"))
        watching = watch(server.url, events=True)
        taking = await follows(watching, 2)
        for sink in (one, other):
            await sink.announce(Event("source.lost", "a"))
        assert numbers(await taking) == [2, 2]
    assert watching.missing == 0


def test_one_that_began_later_is_missed_from_its_beginning() -> None:
    heard = Checklist()
    assert heard.hear("20250601T115959-aaaaaa", 7, "event", at="2025-06-01T12:00:00.250000Z")
    assert not heard.gap("20250601T115959-bbbbbb", 4, "event")
    assert heard.gap("20250601T120001-cccccc", 4, "event") == range(4)


def test_many_who_send_events_are_told_apart() -> None:
    heard = Checklist()
    for number in range(3):
        for run in range(100):
            assert heard.hear(f"r{run}", number, "event")
    assert (heard.missing, heard.doubles) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12)), max_size=60))
def test_each_is_given_once_whatever_the_order(told: list[tuple[int, int]]) -> None:
    heard = Checklist()
    given_ = [(run, number) for run, number in told if heard.hear(str(run), number, "a")]
    assert len(set(given_)) == len(given_)
    assert heard.doubles == len(told) - len(given_)
    for run in {run for run, _ in told[1:] if run != told[0][0]}:  # heard from its beginning
        assert {n for r, n in given_ if r == run} == {n for r, n in told if r == run}


async def test_a_run_under_a_clock_that_was_set_back_is_not_taken_for_an_old_one(
    server: EmbeddedRedis, client: Redis
) -> None:
    await say(client, 0, 1, heard=False, kept=True, run="20250601T120000-aaaaaa")
    await say(client, 0, 1, heard=False, kept=True, run="20250601T110000-bbbbbb")
    await client.sadd("framewire:index", KEY)  # type: ignore[misc]
    watching = watch(server.url, follow=False)
    assert numbers(await all_of(watching)) == [0, 1, 0, 1]
    assert watching.doubles == 0
