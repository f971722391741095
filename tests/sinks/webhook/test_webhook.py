"""Results and events as requests to a real server, which fails in many ways."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.pipeline import CLOSE_LIMIT
from sinks.delivery.under_way import MOST
from sinks.errors import BadSink, SinkError, SinkLost
from sinks.sink import SinkContext
from sinks.webhook import WebhookOptions, WebhookSink, verify
from sinks.wire import decode_event, decode_result
from stages.events import Event
from tests.factory import deliveries
from tests.sinks.killed import acknowledged
from tests.sinks.tls import certificate
from tests.sinks.webhook.receiver import CUT, DRIP, HANG, Receiver, receiving

SECRET = "a secret of some length"


@asynccontextmanager
async def opened(
    to: Receiver | str, folder: Path, heard: list[Event] | None = None, **options: object
) -> AsyncIterator[WebhookSink]:
    """A sink whose tries follow each other closely."""
    url = to if isinstance(to, str) else to.url
    told = {"url": url, "spool": "spool", "retry_most_s": 0.5, **options}
    announce = (lambda _: None) if heard is None else heard.append
    context = SinkContext("hook", ("a",), folder, announce=announce)
    sink = WebhookSink(WebhookOptions.model_validate(told), context)
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


async def test_each_result_is_a_signed_request(tmp_path: Path) -> None:
    async with (
        receiving() as receiver,
        opened(receiver, tmp_path, secret=SECRET, headers={"X-Site": "north"}) as sink,
    ):
        await sink.write(deliveries(3))
        assert receiver.seqs == [0, 1, 2]
        first = receiver.got[0]
        message = decode_result(first.body)
        assert first.path == "/hook"
        assert first.headers["content-type"] == "application/json"
        assert first.headers["idempotency-key"] == f"a:0:detect:{message.run}"
        assert first.headers["x-site"] == "north"
        verify(SECRET, first.body, first.headers["framewire-signature"], time.time())
        assert receiver.connections == 1
        assert sink.counts()["direct_total"] == 3


async def test_without_a_secret_nothing_is_signed(tmp_path: Path) -> None:
    async with receiving() as receiver, opened(receiver, tmp_path) as sink:
        await sink.write(deliveries(1))
        assert "framewire-signature" not in receiver.got[0].headers


async def test_a_batch_is_lines(tmp_path: Path) -> None:
    async with receiving() as receiver, opened(receiver, tmp_path, batch=2) as sink:
        await sink.write(deliveries(3))
        two, one = receiver.got
        assert two.headers["content-type"] == "application/x-ndjson"
        run = decode_result(two.body.splitlines()[0]).run
        assert two.headers["idempotency-key"] == f"a:0:detect:{run}+1"
        assert one.headers["idempotency-key"] == f"a:2:detect:{run}+0"
        assert [m.seq for m in map(decode_result, two.body.splitlines())] == [0, 1]


async def test_events_go_the_same_way(tmp_path: Path) -> None:
    async with receiving() as receiver, opened(receiver, tmp_path) as sink:
        await sink.announce(Event("source.lost", "a"))
        event = decode_event(receiver.got[0].body)
        assert (event.name, event.number) == ("source.lost", 0)
        assert receiver.got[0].headers["idempotency-key"] == f"event:0:{event.run}"


async def test_events_can_be_left_out(tmp_path: Path) -> None:
    async with receiving() as receiver, opened(receiver, tmp_path, events=False) as sink:
        await sink.announce(Event("source.lost", "a"))
        assert not receiver.got


@pytest.mark.parametrize("fault", ["500", "503", "408", "425", "429", CUT])
async def test_what_passes_is_tried_again(fault: str, tmp_path: Path) -> None:
    async with receiving("200", fault) as receiver, opened(receiver, tmp_path) as sink:
        await sink.write(deliveries(4))
        await receiver.until(lambda r: len(r.taken) == 4)
        assert receiver.seqs == [0, 1, 2, 3]
        assert len(receiver.got) == 5  # what was taken is not sent again with the others
        keys = [request.headers["idempotency-key"] for request in receiver.got]
        assert keys[1] == keys[2]
        assert sink.refused == 0


@pytest.mark.parametrize("fault", [HANG, DRIP])
async def test_a_server_that_hangs_is_given_up_and_tried_again(fault: str, tmp_path: Path) -> None:
    async with receiving(fault) as receiver, opened(receiver, tmp_path, timeout_s=0.1) as sink:
        await sink.write(deliveries(2))
        await receiver.until(lambda r: len(r.taken) == 2)
        assert receiver.seqs == [0, 1]


@pytest.mark.parametrize("how", ["seconds", "date"])
async def test_a_server_says_when_to_ask_again(how: str, tmp_path: Path) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    told = "2" if how == "seconds" else at
    async with (
        receiving(f"503 Retry-After: {told}") as receiver,
        opened(receiver, tmp_path) as sink,
    ):
        await sink.write(deliveries(1))
        began = time.monotonic()
        await receiver.until(lambda r: len(r.taken) == 1)
        assert time.monotonic() - began > 1.5
        assert len(receiver.got) == 2


@pytest.mark.parametrize(
    "told", ["Mon, 99999999999999999999 Jan 2025 00:00:00 GMT", "x", "-1", "1e9", "9" * 5000]
)
async def test_a_time_that_is_none_costs_no_message(told: str, tmp_path: Path) -> None:
    answer = f"503 Retry-After: {told}"
    async with receiving(answer) as receiver, opened(receiver, tmp_path) as sink:
        await sink.write(deliveries(1))
        assert sink.counts()["spooled_total"] == 1
        if told.isdecimal():  # an hour, and no more
            assert sink.counts()["waiting"] == 1
        else:
            await receiver.until(lambda r: len(r.taken) == 1)


@pytest.mark.parametrize("value", ["7", "é"])  # one that is not ASCII could not be sent back
async def test_a_servers_cookies_are_not_kept(value: str, tmp_path: Path) -> None:
    answer = f"200 Set-Cookie: visitor={value}; Path=/"
    async with receiving(otherwise=answer) as receiver, opened(receiver, tmp_path) as sink:
        await sink.write(deliveries(3))
        assert [request.headers.get("cookie") for request in receiver.got] == [None] * 3


async def test_a_long_reason_is_told_in_short(tmp_path: Path) -> None:
    heard: list[Event] = []
    async with (
        receiving("410", reason="gone " * 9999) as receiver,
        opened(receiver, tmp_path, heard) as sink,
    ):
        with pytest.raises(SinkError, match="said 410 gone gone"):
            await sink.write(deliveries(1))
        assert len(str(heard[0].detail["error"])) < 200


@pytest.mark.parametrize("status", ["400", "401", "404", "410", "413"])
async def test_what_is_refused_fails_and_is_told_and_the_rest_goes_on(
    status: str, tmp_path: Path
) -> None:
    heard: list[Event] = []
    async with receiving("200", status) as receiver, opened(receiver, tmp_path, heard) as sink:
        with pytest.raises(SinkError, match=f"1 of 4 messages refused, .* said {status}"):
            await sink.write(deliveries(4))
        assert receiver.seqs == [0, 2, 3]
        assert sink.counts()["refused_total"] == 1
        (event,) = heard
        assert (event.name, event.about) == ("delivery.refused", "hook")
        assert event.detail["messages"] == 1
        await sink.write(deliveries(1))  # the next batch is as good as any


async def test_what_is_refused_out_of_the_spool_costs_only_itself(tmp_path: Path) -> None:
    async with receiving("500", "200", "410") as receiver, opened(receiver, tmp_path) as sink:
        await sink.write(deliveries(4))
        await receiver.until(lambda r: len(r.taken) == 3)
        assert receiver.seqs == [0, 2, 3]
        assert (sink.counts()["spooled_total"], sink.counts()["refused_total"]) == (4, 1)


async def test_a_refused_event_makes_no_further_one(tmp_path: Path) -> None:
    heard: list[Event] = []
    async with (
        receiving(otherwise="410") as receiver,
        opened(receiver, tmp_path, heard) as sink,
    ):
        await sink.announce(Event("source.lost", "a"))
        assert sink.refused == 1
        assert not heard


async def test_events_wait_for_a_peer_that_hangs_but_not_without_end(tmp_path: Path) -> None:
    async with receiving(otherwise=HANG) as receiver:
        sink = WebhookSink(
            WebhookOptions(url=receiver.url, timeout_s=60), SinkContext("hook", ("a",), tmp_path)
        )
        await sink.open()
        telling = [
            asyncio.create_task(sink.announce(Event("source.lost", "a"))) for _ in range(MOST + 1)
        ]
        done, waiting = await asyncio.wait(telling, return_when=asyncio.FIRST_COMPLETED)
        assert [type(one.exception()) for one in done] == [SinkLost]
        async with asyncio.timeout(CLOSE_LIMIT):  # what a pipeline has patience for
            await sink.close()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async with receiving() as inside:
        answer = f"307 Location: {inside.url}"
        async with receiving(answer) as receiver, opened(receiver, tmp_path) as sink:
            with pytest.raises(SinkError, match=r"said 307 .* redirects are not followed"):
                await sink.write(deliveries(1))
        assert not inside.got


async def test_what_came_while_the_server_was_away_arrives_in_order(tmp_path: Path) -> None:
    async with receiving() as gone:
        port = gone.port
    async with opened(gone.url, tmp_path) as sink:
        for one in deliveries(5):
            await sink.write([one])
        assert sink.counts()["spooled_total"] == 5
        async with receiving(port=port) as receiver:
            await receiver.until(lambda r: len(r.taken) == 5)
            assert receiver.seqs == [0, 1, 2, 3, 4]


async def test_the_next_run_carries_what_the_last_one_left(tmp_path: Path) -> None:
    async with receiving() as gone:
        port = gone.port
    async with opened(gone.url, tmp_path) as sink:
        await sink.write(deliveries(2))
    async with receiving(port=port) as receiver, opened(receiver, tmp_path):
        await receiver.until(lambda r: len(r.taken) == 2)
        assert receiver.seqs == [0, 1]


async def test_without_a_spool_a_server_that_is_away_fails_the_batch(tmp_path: Path) -> None:
    async with receiving() as gone:
        pass
    async with opened(gone.url, tmp_path, spool_mb=0) as sink:
        with pytest.raises(SinkLost, match="is away"):
            await sink.write(deliveries(1))
        with pytest.raises(SinkLost, match="tried again in 0"):
            await sink.write(deliveries(1))


async def test_tls_is_verified(tmp_path: Path) -> None:
    file = certificate(tmp_path)
    async with receiving(tls=file) as receiver:
        url = f"https://127.0.0.1:{receiver.port}/hook"
        async with opened(url, tmp_path, spool_mb=0) as sink:
            with pytest.raises(SinkLost, match="CERTIFICATE_VERIFY_FAILED"):
                await sink.write(deliveries(1))
        assert not receiver.got
        async with opened(url, tmp_path, ca=file) as sink:
            await sink.write(deliveries(1))
        assert receiver.seqs == [0]


async def test_a_file_that_holds_no_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(BadSink, match="wanted a file of certificates"):
        async with opened("https://127.0.0.1:1/", tmp_path, ca="ca.pem"):
            pass


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"url": "file:///etc/passwd"}, "wanted https://HOST/PATH"),
        ({"url": "https:///x"}, "wanted https://HOST/PATH"),
        ({"url": "http://h/", "secret": "short"}, "at least 16"),
        ({"url": "http://h/", "headers": {"X": "a\r\nb"}}, "printable ASCII"),
        ({"url": "http://h/", "headers": {"Host": "b"}}, "not set by framewire"),
        ({"url": "http://h/", "headers": {"idempotency-key": "b"}}, "not set by framewire"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        WebhookOptions.model_validate(options)


def test_neither_secret_nor_password_is_shown() -> None:
    options = WebhookOptions(
        url="https://us:hush@h/", secret="hush" * 4, headers={"Authorization": "Bearer hush"}
    )
    assert "hush" not in repr(options)
    sink = WebhookSink(options, SinkContext("hook", ("a",)))
    assert sink.address() == "https://us:***@h/"


@pytest.mark.slow
async def test_a_process_that_is_killed_loses_nothing_that_was_acknowledged(
    tmp_path: Path,
) -> None:
    async with receiving() as receiver:

        def midway(seq: int) -> None:
            receiver.otherwise = "500" if 30 <= seq < 90 else "200"

        options = {"url": receiver.url, "spool": "spool", "retry_most_s": 0.5}
        safe = await acknowledged("webhook", tmp_path, options, midway, 60)
        assert safe == list(range(len(safe)))
        before = len(receiver.taken)
        receiver.otherwise = "200"
        context = SinkContext("webhook", ("a",), tmp_path)
        sink = WebhookSink(WebhookOptions.model_validate(options), context)
        await sink.open()
        await receiver.until(lambda r: set(safe) <= set(r.seqs))
        await sink.close()
    assert before < len(safe)  # some waited on disk
    in_order = list(dict.fromkeys(receiver.seqs))
    assert in_order == sorted(in_order)


@pytest.mark.slow
async def test_a_server_that_goes_twenty_times_gets_all_in_order(tmp_path: Path) -> None:
    chance = random.Random(6)
    async with receiving() as receiver, opened(receiver, tmp_path) as sink:
        for one in deliveries(400):
            if one.frame.seq % 20 == 0:
                receiver.answers.append(chance.choice(["500", CUT, "503 Retry-After: 0", "429"]))
            await sink.write([one])
        await receiver.until(lambda r: len(r.taken) >= 400 and not r.answers)
        assert receiver.seqs == list(range(400))
