"""Commands over Redis: signed, new, and obeyed once."""

import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from redis.asyncio import Redis

from sinks.embedded_redis import EmbeddedRedis
from sinks.redis import RedisOptions
from sinks.redis.orders import Gate, Refused, sign
from sinks.wire import decode_event
from tests.factory import deliveries
from tests.sinks.redis_parts import kept, opened, server_process

SECRET = "a secret of twenty signs"
CHANNEL = "framewire:control"
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def gate(channel: str = CHANNEL, began: datetime = NOON - timedelta(hours=1)) -> Gate:
    return Gate(SECRET, channel, began)


def signed(at: datetime = NOON, secret: str = SECRET) -> bytes:
    return sign(secret, CHANNEL, "snapshot", "lobby", at)


def by_hand(payload: str) -> bytes:
    """As somebody without our code would sign it."""
    told = hmac.new(SECRET.encode(), f"{CHANNEL}\n{payload}".encode(), hashlib.sha256)
    return json.dumps({"payload": payload, "signature": told.hexdigest()}).encode()


def test_a_command_that_is_signed_goes_through() -> None:
    order = gate().admit(signed(), NOON)
    assert (order.command, order.stream) == ("snapshot", "lobby")


def test_anybody_who_has_the_secret_can_sign() -> None:
    payload = json.dumps({"id": "7", "at": "2025-06-01T12:00:00.000000Z", "command": "snapshot",
                          "stream": "lobby"})  # fmt: skip
    assert gate().admit(by_hand(payload), NOON).id == "7"


def test_a_recording_of_one_is_of_no_use() -> None:
    data = signed()
    same = gate()
    same.admit(data, NOON)
    for later in (0, 15, 30, 31, 3600):
        with pytest.raises(Refused):
            same.admit(data, NOON + timedelta(seconds=later))
    with pytest.raises(Refused, match="of this run"):
        gate(began=NOON + timedelta(seconds=1)).admit(data, NOON + timedelta(seconds=2))
    with pytest.raises(Refused, match="for this channel"):
        gate(channel="other:control").admit(data, NOON)


def test_one_of_the_future_cannot_be_played_again_when_its_time_has_come() -> None:
    data, same = signed(at=NOON + timedelta(seconds=29)), gate()
    same.admit(data, NOON)
    for later in range(0, 120, 5):
        with pytest.raises(Refused):
            same.admit(data, NOON + timedelta(seconds=later))


@pytest.mark.parametrize("off", [-31, 31, -3600])
def test_one_of_another_time_is_refused(off: int) -> None:
    with pytest.raises(Refused, match="of the last 30 s"):
        gate().admit(signed(at=NOON + timedelta(seconds=off)), NOON)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (signed(secret="another secret, as long"), "our secret"),
        (signed().replace(b"lobby", b"vault"), "our secret"),
        (b"snapshot", "wanted an envelope"),
        (b"\xff\xfe", "wanted an envelope"),
        (b'{"payload": "{}", "signature": "\xc3\xa4"}', "our secret"),
        (b"x" * 20_000, "wanted at most"),
        (b'{"x":' + b"[" * 8000, "wanted an envelope"),
        (by_hand('{"x":' + "[" * 7000), "signed, but no command"),
        (by_hand(r'{"\u001b[31m": 1}'), r"field `\\x1b\[31m`"),
        (by_hand("{}"), "signed, but no command"),
        (by_hand('{"id":"1","at":"2025-13-01T12:00:00.000000Z","command":"c","stream":"s"}'),
         "signed, but no command"),
    ],
)  # fmt: skip
def test_what_is_not_one_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why) as caught:
        gate().admit(data, NOON)
    assert SECRET not in str(caught.value)


@given(st.binary(max_size=200))
def test_no_bytes_go_through_by_chance_and_none_do_worse(data: bytes) -> None:
    with pytest.raises(Refused):
        gate().admit(data, NOON)


def test_a_secret_has_a_length_and_is_not_shown() -> None:
    with pytest.raises(ValidationError, match="at least 16"):
        RedisOptions(control_secret="short")
    assert SECRET not in repr(RedisOptions(control_secret=SECRET))


async def heard_by(client: Redis, data: bytes) -> None:
    """Say something on the channel as soon as somebody listens."""
    async with asyncio.timeout(10):
        while not await client.publish(CHANNEL, data):
            pass


async def events(client: Redis, count: int) -> list[str]:
    async with asyncio.timeout(10):
        while len(found := await kept(client, "framewire:events")) < count:
            pass
    return [f"{event.name} {event.about}" for event in map(decode_event, found)]


async def test_a_snapshot_is_an_event_with_a_picture(server: EmbeddedRedis, client: Redis) -> None:
    options = {"url": server.url, "control_secret": SECRET, "thumbnail_width": 64}
    async with opened(**options) as sink:
        await sink.write(deliveries(1))
        data = sign(SECRET, CHANNEL, "snapshot", "a")
        await heard_by(client, data)
        await heard_by(client, data)  # once more is once too often
        await heard_by(client, sign(SECRET, CHANNEL, "snapshot", "c"))
        await heard_by(client, sign(SECRET, CHANNEL, "explode", "a"))
        await heard_by(client, sign(SECRET, CHANNEL, "snapshot", "b"))
        assert await events(client, 2) == ["control.snapshot a", "control.snapshot b"]
        (first, _) = map(decode_event, await kept(client, "framewire:events"))
        assert await client.exists(f"framewire:events:{first.run}:{first.number}")


async def test_recorders_hear_that_they_are_to_pause_and_to_go_on(
    server: EmbeddedRedis, client: Redis
) -> None:
    async with opened(url=server.url, control_secret=SECRET):
        await heard_by(client, sign(SECRET, CHANNEL, "pause", "a"))
        await heard_by(client, sign(SECRET, CHANNEL, "record", "a"))
        assert await events(client, 2) == ["control.pause a", "control.record a"]


async def test_commands_are_heard_after_an_outage(server: EmbeddedRedis, client: Redis) -> None:
    options = {"url": server.url, "control_secret": SECRET, "thumbnail_width": 64}
    async with opened(**options) as sink:
        await sink.write(deliveries(1))
        server_process().kill()
        server_process().wait()
        await server.start()
        await heard_by(client, sign(SECRET, CHANNEL, "snapshot", "a"))
        assert await events(client, 1) == ["control.snapshot a"]


async def test_without_a_secret_nobody_listens(server: EmbeddedRedis, client: Redis) -> None:
    async with opened(url=server.url) as sink:
        await sink.write(deliveries(1))
        assert await client.publish(CHANNEL, sign(SECRET, CHANNEL, "snapshot", "a")) == 0
