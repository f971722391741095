"""Who we speak to and who says anything: a webhook's receiver, an MQTT broker, Kafka's brokers.

Each is a server on loopback, which answers once with what is broken and then as it should. What
was to be delivered then has to arrive: a broken answer costs a try, never the sink.
"""

import asyncio
import struct
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from structlog.testing import capture_logs

from sinks.errors import BadSink, SinkLost
from tests.fuzz.subject import Parts, Sample, Subject
from tests.servers.listening import HOST, Serve, listening

SOON_S = 0.2  # that a peer has to answer; it is on this machine, and hangs up by itself
BACK_S = 4.0


@asynccontextmanager
async def peer(serve: Serve) -> AsyncIterator[int]:
    """A port at which `serve` answers; it hangs up when that returns."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # it has left
        finally:
            writer.close()

    async with listening(answer) as port:
        yield port


def webhook(path: Path) -> None:
    asyncio.run(_webhook([path.read_bytes(), b"HTTP/1.1 204 No Content\r\n\r\n"]))


async def _webhook(answers: list[bytes]) -> None:
    from sinks.webhook.client import REASON, WebhookClient

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop(0))

    async with peer(serve) as port:
        client = WebhookClient(f"http://{HOST}:{port}/hook", {}, BACK_S)
        try:
            lost: SinkLost | None = None
            try:
                answer = await client.post(b"{}", {})
                assert 100 <= answer.status < 1000
                assert len(answer.reason) <= REASON
                assert answer.again_s is None or answer.again_s >= 0
            except SinkLost as error:
                lost = error
            assert (await client.post(b"{}", {})).status == 204
            if lost is not None:
                raise lost
        finally:
            await client.close()


def answers() -> list[Sample]:
    later = b"Retry-After: Wed, 21 Oct 2037 07:28:00 GMT\r\n"
    heads = (
        b"200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b; Path=/; Max-Age=99\r\n",
        b"503 Service Unavailable\r\nContent-Length: 2\r\n" + later,
        b"429 Too Many\r\nContent-Length: 2\r\nRetry-After: 120\r\n",
        b"301 Moved\r\nContent-Length: 2\r\nLocation: http://127.0.0.1:1/latest/meta-data\r\n",
        b"307 Moved\r\nContent-Length: 2\r\nLocation: //[::1]:1/a?b#c\r\n",
        b"200 OK\r\nContent-Encoding: gzip, br\r\nContent-Length: 2\r\n",
        b"200 OK\r\nConnection: close\r\n",
    )
    whole = [b"HTTP/1.1 " + head + b"\r\nok" for head in heads]
    whole.append(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nA: b\r\n\r\n"
    )
    whole.append(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
    return [Sample({"a.http": one}) for one in whole]


CONNECTED = b"\x20\x02\x00\x00"


def mqtt(path: Path) -> None:
    warnings.simplefilter("ignore", ResourceWarning)  # aiomqtt's sockets, until their keep-alive
    with capture_logs():
        asyncio.run(_mqtt(path.read_bytes()))


async def _mqtt(said: bytes) -> None:
    from sinks.mqtt.link import Address, Message, MqttLink

    broken = [part for part in said.split(MARK) if part]
    begun = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while broken and await reader.read(1 << 16):
            writer.write(broken.pop(0))
            await writer.drain()
            if not broken:
                return
        await _broker(reader, writer)

    async with peer(serve) as port:
        link = MqttLink(Address(f"mqtt://{HOST}:{port}", "a/status", SOON_S), begun.set)
        refused: BadSink | None = None
        try:
            await link.open()
        except BadSink as error:
            refused = error
        try:
            async with asyncio.timeout(BACK_S):
                while True:
                    await begun.wait()
                    begun.clear()
                    with suppress(SinkLost):
                        await link.publish([Message("a/results", b"{}")])
                        break
        finally:
            await link.close()
        if refused is not None:
            raise refused


async def _broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As MQTT 3.1.1 has it, to who publishes small messages."""
    while True:
        kind, length = await reader.readexactly(2)
        body = await reader.readexactly(length)
        if kind >> 4 == 1:
            writer.write(CONNECTED)
        elif kind >> 4 == 3:
            (topic,) = struct.unpack_from(">H", body)
            writer.write(b"\x40\x02" + body[2 + topic : 4 + topic])
        await writer.drain()


MARK = b"\xf0\xf0mark\xf0\xf0"


def packets() -> list[Sample]:
    """What a broker says to CONNECT, to `online`, and to the first message; with more beside it."""
    first, second = b"\x40\x02\x00\x01", b"\x40\x02\x00\x02"
    message = b"\x30\x08\x00\x03a/bhey"
    twice = b"\x34\x0a\x00\x03a/b\x00\x07hey\x62\x02\x00\x07"
    rest = b"\xd0\x00\x90\x03\x00\x05\x01\xb0\x02\x00\x05"

    def pack(parts: Parts) -> Parts:
        return {"a.mqtt": MARK.join(parts.values())}

    return [
        Sample({"hello": CONNECTED, "first": first, "second": second}, pack),
        Sample({"hello": CONNECTED, "first": first + message, "second": twice + rest}, pack),
    ]


PEERS: dict[str, Subject] = {
    "webhook": Subject(webhook, answers, (SinkLost,), named=False),
    "mqtt": Subject(mqtt, packets, (BadSink,), named=False),
}
