"""Results into topics, of a broker that librdkafka holds for tests: another program's Kafka."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sinks.errors import SinkError, SinkLost
from sinks.kafka import KafkaOptions, KafkaSink
from sinks.sink import SinkContext
from sinks.wire import decode_event, decode_result
from stages.events import Event
from tests.factory import deliveries, delivery, grey_frame, top_labels

pytest.importorskip("aiokafka", reason="needs the package aiokafka (extra `kafka`)")
NOWHERE = "127.0.0.1:1"


@contextmanager
def cluster() -> Iterator[str]:
    """Its address, with topics that come into being when they are asked for."""
    kafka = pytest.importorskip("confluent_kafka", reason="needs confluent-kafka, for a broker")
    holder = kafka.Producer(
        {"bootstrap.servers": "none:1", "test.mock.num.brokers": 1, "log_level": 0}
    )
    (broker,) = holder.list_topics(timeout=10).brokers.values()
    yield f"{broker.host}:{broker.port}"


def read(servers: str, topic: str, count: int) -> list[Any]:
    kafka = pytest.importorskip("confluent_kafka")
    consumer = kafka.Consumer(
        {"bootstrap.servers": servers, "group.id": "g", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    found: list[Any] = []
    while len(found) < count:
        message = consumer.poll(20)
        assert message is not None, f"wanted {count} messages, got {len(found)}"
        if (error := message.error()) is None:
            found.append(message)
        else:  # the first who asks for a topic is told this, and makes it
            assert error.code() == kafka.KafkaError.UNKNOWN_TOPIC_OR_PART, error
    consumer.close()
    return found


@asynccontextmanager
async def opened(servers: str, folder: Path, **options: object) -> AsyncIterator[KafkaSink]:
    told = {"servers": servers, "spool": "spool", **options}
    sink = KafkaSink(KafkaOptions.model_validate(told), SinkContext("kafka", ("a", "b"), folder))
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


async def test_results_of_a_stream_are_in_one_partition_in_order(tmp_path: Path) -> None:
    with cluster() as servers:
        async with opened(servers, tmp_path) as sink:
            await sink.write(deliveries(100))
            await sink.write(deliveries(50, stream="b"))
            assert sink.counts()["direct_total"] == 150
        found = read(servers, "framewire.results", 150)
        for stream, count in ((b"a", 100), (b"b", 50)):
            mine = [message for message in found if message.key() == stream]
            assert [decode_result(m.value()).seq for m in mine] == list(range(count))
            assert len({message.partition() for message in mine}) == 1
        first = decode_result(found[0].value())
        assert found[0].headers() == [
            ("id", f"{first.stream}:{first.seq}:detect:{first.run}".encode())
        ]


async def test_events_have_a_topic_of_their_own(tmp_path: Path) -> None:
    with cluster() as servers:
        async with opened(servers, tmp_path, events_topic="happenings") as sink:
            await sink.announce(Event("source.lost", "a"))
        (event,) = read(servers, "happenings", 1)
        assert decode_event(event.value()).name == "source.lost"


async def test_a_message_that_is_too_large_is_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    huge = grey_frame(1, results={"detect": top_labels({"x" * 2_000_000: 0.5})})
    with cluster() as servers:
        async with opened(servers, tmp_path) as sink:
            first, _, last = deliveries(3)
            with pytest.raises(SinkError, match="1 of 3 messages refused"):
                await sink.write([first, delivery(huge, "detect"), last])
            assert sink.refused == 1
        assert [decode_result(m.value()).seq for m in read(servers, "framewire.results", 2)] == [
            0, 2,
        ]  # fmt: skip


async def test_while_it_is_away_messages_wait_on_disk_for_the_next_run(tmp_path: Path) -> None:
    async with opened(NOWHERE, tmp_path, give_up_s=0.5) as sink:
        await sink.write(deliveries(3))
        await sink.write(deliveries(5)[3:])
        assert sink.counts()["spooled_total"] == 5
    with cluster() as servers:
        async with opened(servers, tmp_path):
            found = await asyncio.to_thread(read, servers, "framewire.results", 5)
            assert [decode_result(message.value()).seq for message in found] == [0, 1, 2, 3, 4]


async def test_without_a_spool_a_broker_that_is_away_fails_the_batch(tmp_path: Path) -> None:
    async with opened(NOWHERE, tmp_path, give_up_s=0.5, spool_mb=0) as sink:
        with pytest.raises(SinkLost, match=f"kafka {NOWHERE} is away"):
            await sink.write(deliveries(1))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"servers": "h"}, "should match"),
        ({"servers": "u:p@h:9092"}, "should match"),
        ({"servers": "h:9092", "user": "me"}, "a user and a password, or neither"),
        ({"servers": "h:9092", "topic": "a/b"}, "should match"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        KafkaOptions.model_validate(options)


def test_the_password_is_not_shown() -> None:
    assert "hush" not in repr(KafkaOptions(servers="h:1", user="me", password="hush"))
