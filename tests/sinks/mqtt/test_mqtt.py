"""Results, events and states through a real broker."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import ValidationError

from sinks.delivery import Record, Spool
from sinks.errors import BadSink, SinkLost
from sinks.mqtt import MqttOptions, MqttSink
from sinks.sink import SinkContext
from sinks.wire import decode_event, decode_result
from stages.events import Event
from tests.factory import deliveries
from tests.sinks.killed import acknowledged
from tests.sinks.mqtt.broker import HOST, PLACES, Broker, running
from tests.sinks.relay import relaying
from tests.sinks.tls import certificate

aiomqtt = pytest.importorskip("aiomqtt", reason="needs the package aiomqtt (extra `mqtt`)")
link = pytest.importorskip("sinks.mqtt.link")


@asynccontextmanager
async def opened(to: Broker | str, folder: Path, **options: object) -> AsyncIterator[MqttSink]:
    url = to if isinstance(to, str) else to.url
    told = {"url": url, "spool": "spool", "state_s": 0, "give_up_s": 2, **options}
    sink = MqttSink(MqttOptions.model_validate(told), SinkContext("mqtt", ("a",), folder))
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


class Reader:
    """Somebody who subscribes to all, and subscribes again when the broker is back."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.got: list[tuple[str, bytes, bool]] = []
        self.subscribed = asyncio.Event()
        self._news = asyncio.Event()

    async def read(self) -> None:
        while True:
            try:
                async with aiomqtt.Client(HOST, self.port, identifier="reader", timeout=5,
                                          clean_session=False) as client:  # fmt: skip
                    await client.subscribe("#", qos=1)
                    self.subscribed.set()
                    async for one in client.messages:
                        self.got.append((one.topic.value, one.payload, one.retain))
                        self._news.set()
            except aiomqtt.MqttError:
                self.subscribed.clear()
                await asyncio.sleep(0.01)

    def of(self, topic: str) -> list[bytes]:
        return [payload for name, payload, _ in self.got if name == topic]

    @property
    def seqs(self) -> list[int]:
        return [decode_result(data).seq for data in self.of("framewire/results/a/detect")]

    async def until(self, holds: Callable[["Reader"], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds(self):
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def reading(broker: Broker) -> AsyncIterator[Reader]:
    reader = Reader(broker.port)
    task = asyncio.create_task(reader.read())
    try:
        await asyncio.wait_for(reader.subscribed.wait(), 20)
        yield reader
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_results_and_events_arrive(tmp_path: Path) -> None:
    async with running(tmp_path) as broker, reading(broker) as reader:
        async with opened(broker, tmp_path) as sink:
            await sink.write(deliveries(150))  # more than are on their way at once
            await sink.announce(Event("source.lost", "a"))
            await reader.until(lambda r: bool(r.of("framewire/events")))
        assert reader.seqs == list(range(150))
        assert decode_event(reader.of("framewire/events")[0]).name == "source.lost"
        assert sink.counts()["direct_total"] == 151


async def test_it_says_whether_it_is_there(tmp_path: Path) -> None:
    async with running(tmp_path) as broker, reading(broker) as reader:
        async with opened(broker, tmp_path):
            await reader.until(lambda r: r.of("framewire/status") == [b"online"])
        await reader.until(lambda r: r.of("framewire/status") == [b"online", b"offline"])
        async with reading(broker) as late:
            await late.until(lambda r: ("framewire/status", b"offline", True) in r.got)


async def test_it_says_again_that_it_is_there(tmp_path: Path) -> None:
    # A broker notices after half a minute that a machine is gone, and says so of the run on it,
    # though another one has long begun.
    async with running(tmp_path) as broker, reading(broker) as reader:
        address = link.Address(broker.url, "framewire/status", 5, again_s=0.05)
        there = link.MqttLink(address, lambda: None)
        await there.open()
        try:
            async with aiomqtt.Client(HOST, broker.port) as late:
                await late.publish("framewire/status", b"offline", qos=1, retain=True)
            await reader.until(
                lambda r: b"offline" in (said := r.of("framewire/status")) and said[-1] == b"online"
            )
        finally:
            await there.close()


async def test_what_a_sink_of_another_kind_has_left_holds_nobody_up(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool" / "mqtt.sqlite", 1 << 20)
    spool.open()
    spool.append([Record("a:0:detect:run", "", b"{}")])
    spool.close()
    async with running(tmp_path) as broker, reading(broker) as reader:
        async with opened(broker, tmp_path) as sink:
            await sink.write(deliveries(2))
            await reader.until(lambda r: len(r.seqs) == 2)
            assert sink.counts()["refused_total"] == 1


async def test_a_host_that_cannot_be_one_is_told(tmp_path: Path) -> None:
    async with opened("mqtt://a..b", tmp_path, spool_mb=0) as sink:
        with pytest.raises(SinkLost, match=r"a\.\.b is away: .*idna"):
            await sink.write(deliveries(1))


async def test_results_are_not_retained(tmp_path: Path) -> None:
    async with running(tmp_path) as broker, opened(broker, tmp_path) as sink:
        await sink.write(deliveries(1))
        async with reading(broker) as reader:
            await sink.write(deliveries(1))
            await reader.until(lambda r: len(r.seqs) == 1)
            assert not any(retained for topic, _, retained in reader.got if "results" in topic)


async def test_what_came_while_the_broker_was_killed_arrives_in_order(tmp_path: Path) -> None:
    async with running(tmp_path) as broker, opened(broker, tmp_path) as sink:
        broker.kill()
        for one in deliveries(20):
            await sink.write([one])
        assert sink.counts()["spooled_total"] == 20
        await broker.start()
        async with reading(broker) as reader:
            # Those that came before the reader did are gone: the broker keeps none.
            await sink.write(deliveries(25)[20:])
            await reader.until(lambda r: r.seqs[-1:] == [24])
            assert reader.seqs == list(range(reader.seqs[0], 25))


async def test_a_broker_that_froze_is_left_and_nothing_is_lost(tmp_path: Path) -> None:
    async with running(tmp_path) as broker, reading(broker) as reader:
        async with opened(broker, tmp_path, give_up_s=0.3) as sink:
            await sink.write(deliveries(2))
            broker.freeze()
            await sink.write(deliveries(4)[2:])
            assert sink.counts()["spooled_total"] == 2
            broker.thaw()
            await reader.until(lambda r: set(r.seqs) == {0, 1, 2, 3})
            assert list(dict.fromkeys(reader.seqs)) == [0, 1, 2, 3]


async def test_a_broker_that_is_away_at_first_is_waited_for(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    async with opened(broker, tmp_path) as sink:
        await sink.write(deliveries(3))
        await broker.start()
        async with reading(broker) as reader:
            await sink.write(deliveries(5)[3:])
            await reader.until(lambda r: r.seqs[-1:] == [4])
    broker.kill()


async def test_without_a_spool_a_broker_that_is_away_fails_the_batch(tmp_path: Path) -> None:
    async with running(tmp_path) as broker, opened(broker, tmp_path, spool_mb=0) as sink:
        broker.kill()
        with pytest.raises(SinkLost, match="is away"):
            await sink.write(deliveries(1))
        await broker.start()


async def test_states_are_retained_and_home_assistant_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as broker:
        async with (
            opened(broker, tmp_path, state_s=0.01, discovery="homeassistant") as sink,
            reading(broker) as reader,
        ):
            await sink.write(deliveries(3))
            await reader.until(lambda r: bool(r.of("framewire/state/a/detect")))
            topics = [topic for topic, _, _ in reader.got]
            config = "homeassistant/sensor/framewire_a_detect_count/config"
            assert topics.index(config) < topics.index("framewire/state/a/detect")
        async with reading(broker) as late:
            await late.until(
                lambda r: bool(r.of("framewire/state/a/detect")) and bool(r.of(config))
            )
            assert json.loads(late.of("framewire/state/a/detect")[0]) == {
                "count": 1, "present": True, "classes": {"person": 1},
            }  # fmt: skip


async def test_a_broker_that_lost_its_memory_is_told_again(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as broker,
        opened(broker, tmp_path, state_s=0.01, discovery="homeassistant") as sink,
    ):
        await sink.write(deliveries(1))
        async with reading(broker) as reader:
            await reader.until(lambda r: bool(r.of("framewire/state/a/detect")))
        broker.kill()
        await broker.start()
        async with reading(broker) as reader:
            config = "homeassistant/sensor/framewire_a_detect_count/config"
            await reader.until(
                lambda r: bool(r.of("framewire/state/a/detect")) and bool(r.of(config))
            )


async def test_a_wrong_password_is_told_at_once(tmp_path: Path) -> None:
    tool = shutil.which("mosquitto_passwd", path=PLACES)
    if tool is None:
        pytest.skip("needs mosquitto_passwd (Debian: mosquitto)")
    users = tmp_path / "users"
    command = [tool, "-b", "-c", str(users), "cam", "right"]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    async with running(tmp_path, users=users) as broker:
        where = f"{HOST}:{broker.port}"
        with pytest.raises(BadSink, match=r"mqtt://cam:\*\*\*@.*wanted to be let in"):
            async with opened(f"mqtt://cam:wrong@{where}", tmp_path):
                pass
        async with opened(f"mqtt://cam:right@{where}", tmp_path) as sink:
            await sink.write(deliveries(1))
            assert sink.counts()["direct_total"] == 1


# paho leaves the socket of a handshake that failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_tls_is_verified(tmp_path: Path) -> None:
    file = certificate(tmp_path)
    async with running(tmp_path, tls=file) as broker:
        url = f"mqtts://{HOST}:{broker.port}"
        async with opened(url, tmp_path, ca=file) as sink:
            await sink.write(deliveries(1))
            assert sink.counts()["direct_total"] == 1
        async with opened(url, tmp_path, spool_mb=0) as sink:
            with pytest.raises(SinkLost, match="CERTIFICATE_VERIFY_FAILED"):
                await sink.write(deliveries(1))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"url": "tcp://h"}, "wanted mqtt://HOST:PORT"),
        ({"url": "mqtt://h/path"}, "wanted mqtt://HOST:PORT"),
        ({"url": "mqtt://h", "prefix": "a/#"}, "should match"),
        ({"url": "mqtt://h", "prefix": "a+"}, "should match"),
        ({"url": "mqtt://h", "prefix": "a\x00"}, "should match"),
        ({"url": "mqtt://h", "prefix": "a\n"}, "should match"),
        ({"url": "mqtt://h", "discovery": "homeassistant", "state_s": 0}, "wanted state_s above 0"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        MqttOptions.model_validate(options)


@pytest.mark.slow
async def test_a_process_that_is_killed_loses_nothing_that_was_acknowledged(
    tmp_path: Path,
) -> None:
    async with (
        running(tmp_path) as broker,
        reading(broker) as reader,
        relaying(broker.port) as relay,
    ):
        cutting = list[asyncio.Task[None]]()

        def midway(seq: int) -> None:
            if seq == 30:
                cutting.append(asyncio.create_task(relay.cut()))

        options: dict[str, object] = {
            "url": f"mqtt://{HOST}:{relay.port}", "spool": "spool", "state_s": 0
        }  # fmt: skip
        safe = await acknowledged("mqtt", tmp_path, options, midway, 300)
        assert safe == list(range(len(safe)))
        assert len(set(reader.seqs)) < len(safe)  # some wait on disk
        await cutting[0]
        await relay.mend()
        context = SinkContext("mqtt", ("a",), tmp_path)
        sink = MqttSink(MqttOptions.model_validate(options), context)
        await sink.open()
        await reader.until(lambda r: set(safe) <= set(r.seqs))
        await sink.close()
    in_order = list(dict.fromkeys(reader.seqs))
    assert in_order == sorted(in_order)


@pytest.mark.slow
async def test_over_a_line_that_is_cut_twenty_times_all_arrive_in_order(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as broker,
        reading(broker) as reader,
        relaying(broker.port) as relay,
        opened(f"mqtt://{HOST}:{relay.port}", tmp_path) as sink,
    ):
        for one in deliveries(400):
            if one.frame.seq % 20 == 10:
                await relay.cut()
            if one.frame.seq % 20 == 15:
                await relay.mend()
            await sink.write([one])
        await reader.until(lambda r: len(set(r.seqs)) == 400)
        assert sink.counts()["spooled_total"] >= 100
    assert list(dict.fromkeys(reader.seqs)) == list(range(400))
