"""Kafka behind TLS and SASL: a door that speaks both, and librdkafka's broker behind it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

pytest.importorskip("aiokafka", reason="needs the package aiokafka (extra `kafka`)")

from sinks.errors import BadSink
from sinks.wire import decode_result
from tests.factory import deliveries
from tests.sinks.kafka_door import HOST, MECHANISMS, guarded
from tests.sinks.test_kafka import cluster, opened, read
from tests.sinks.tls import certificate

PASSWORD = "correct-horse,battery=staple"
USERS = {"cameras": PASSWORD}


def login(
    tls: Path, password: str = PASSWORD, mechanism: str = "SCRAM-SHA-512"
) -> dict[str, object]:
    """The keys of a sink that logs in, and trusts who has signed `tls`."""
    return {"tls": True, "ca": tls.name, "user": "cameras", "password": password,
            "mechanism": mechanism, "give_up_s": 5}  # fmt: skip


def seqs(servers: str, count: int) -> list[int]:
    return [
        decode_result(message.value()).seq for message in read(servers, "framewire.results", count)
    ]


@contextmanager
def no_secret_is_told(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Neither by us nor by aiokafka, however much they are asked to say."""
    with caplog.at_level("DEBUG"), capture_logs() as logs:
        yield
    assert caplog.text
    assert PASSWORD not in f"{caplog.text} {logs}"


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_who_has_the_password_is_let_in(
    mechanism: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls = certificate(tmp_path)
    with cluster() as servers, no_secret_is_told(caplog):
        async with guarded(servers, USERS, tls) as door:
            options = login(tls, mechanism=mechanism)
            async with opened(f"{HOST}:{door.port}", tmp_path, **options) as sink:
                await sink.write(deliveries(3))
                assert sink.counts()["direct_total"] == 3
            assert (door.admitted > 0, door.refused) == (True, 0)
        assert await asyncio.to_thread(seqs, servers, 3) == [0, 1, 2]


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_the_door_lets_in_another_client_too(mechanism: str, tmp_path: Path) -> None:
    kafka = pytest.importorskip("confluent_kafka")
    tls = certificate(tmp_path)
    with cluster() as servers:
        async with guarded(servers, USERS, tls) as door:
            client = kafka.Producer({
                "bootstrap.servers": f"{HOST}:{door.port}", "security.protocol": "SASL_SSL",
                "ssl.ca.location": str(tls), "sasl.mechanism": mechanism, "log_level": 0,
                "sasl.username": "cameras", "sasl.password": PASSWORD,
            })  # fmt: skip
            seen = await asyncio.to_thread(client.list_topics, timeout=10)
            assert [broker.port for broker in seen.brokers.values()] == [door.port]
            assert door.refused == 0


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_wrong_password_is_told_at_the_start(
    mechanism: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls = certificate(tmp_path)
    with cluster() as servers, no_secret_is_told(caplog):
        async with guarded(servers, {"cameras": "another"}, tls) as door:
            address = f"{HOST}:{door.port}"
            with pytest.raises(BadSink, match=r"let in, got: .*Invalid username or pass") as told:
                async with opened(address, tmp_path, **login(tls, mechanism=mechanism)):
                    pass
            assert str(told.value).startswith(f"kafka {address}: ")
            assert PASSWORD not in str(told.value)
            assert door.refused == 1  # asked once: some brokers lock out who asks often


async def test_a_way_to_log_in_that_is_not_offered_is_told_at_the_start(tmp_path: Path) -> None:
    tls = certificate(tmp_path)
    with cluster() as servers:
        async with guarded(servers, USERS, tls, mechanisms=("PLAIN",)) as door:
            with pytest.raises(BadSink, match=r"let in, got: .*UnsupportedSaslMechanism"):
                async with opened(f"{HOST}:{door.port}", tmp_path, **login(tls)):
                    pass


async def test_a_password_that_is_changed_while_it_runs_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls = certificate(tmp_path)
    all_of_them = deliveries(6)
    with cluster() as servers, no_secret_is_told(caplog):
        async with guarded(servers, dict(USERS), tls) as door:
            options = login(tls) | {"give_up_s": 1}
            async with opened(f"{HOST}:{door.port}", tmp_path, **options) as sink:
                await sink.write(all_of_them[:2])
                door.users["cameras"] = "another"
                await door.cut()
                await sink.write(all_of_them[2:4])
                await sink.write(all_of_them[4:])
                counts = sink.counts()
                assert (counts["spooled_total"], counts["refused_total"]) == (4, 0)
                door.users["cameras"] = PASSWORD
                assert await asyncio.to_thread(seqs, servers, 6) == [0, 1, 2, 3, 4, 5]
    assert "Invalid username or password" in caplog.text  # aiokafka's: the log shows the reason


async def test_a_certificate_that_nobody_trusts_is_told_and_costs_nothing(tmp_path: Path) -> None:
    tls = certificate(tmp_path)
    with cluster() as servers:
        async with guarded(servers, USERS, tls) as door:
            address = f"{HOST}:{door.port}"
            with capture_logs() as logs:
                async with opened(address, tmp_path, **login(tls) | {"ca": None}) as sink:
                    await sink.write(deliveries(3))
                    assert sink.counts()["spooled_total"] == 3
            told = [line["error"] for line in logs if line["event"] == "kafka is away"]
            assert len(told) == 1
            assert told[0].startswith(f"kafka {address} is away: [SSL: CERTIFICATE_VERIFY_FAILED]")
            assert door.admitted == door.refused == 0  # the password was not sent
            async with opened(address, tmp_path, **login(tls)):
                assert await asyncio.to_thread(seqs, servers, 3) == [0, 1, 2]
