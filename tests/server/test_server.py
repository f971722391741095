"""The pipeline's own HTTP server, over real sockets."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from pipeline.server import BadListen, parse_listen, serving
from sinks.mjpeg import MjpegOptions, MjpegSink
from sinks.sink import SinkContext
from sinks.stream_route import StreamRoute
from tests.factory import delivery, grey_frame

ROOT = Path(__file__).parents[2]
HERE = "127.0.0.1:0"


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


async def breaks(request: Request) -> Response:
    raise RuntimeError("the secret is 4711")


async def endless(request: Request) -> Response:
    async def lines() -> AsyncIterator[bytes]:
        yield b"first\n"
        await asyncio.Event().wait()

    return StreamingResponse(lines())


async def flood(request: Request) -> Response:
    async def lines() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 16)

    return StreamingResponse(lines())


async def deaf(request: Request) -> Response:
    await asyncio.Event().wait()
    return PlainTextResponse("never")


def get(address: str, path: str) -> tuple[socket.socket, bytes]:
    """A connection that has asked for something, and the first bytes of the answer."""
    port = int(address.rpartition(":")[2])
    reader = socket.create_connection(("127.0.0.1", port), timeout=10)
    reader.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return reader, reader.recv(64) if path != "/deaf" else b""


async def test_it_says_that_it_is_well() -> None:
    async with serving(HERE, [], dict, CollectorRegistry()) as address:
        async with httpx.AsyncClient(base_url=address) as client:
            answer = await client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")
    assert address.startswith("http://127.0.0.1:")
    assert "server" not in answer.headers


async def test_status_is_asked_for_anew_each_time() -> None:
    asked = iter(range(10))
    status = lambda: {"asked": next(asked), "latency": float("nan")}  # noqa: E731
    async with serving(HERE, [], status, CollectorRegistry()) as address:
        async with httpx.AsyncClient(base_url=address) as client:
            answers = [(await client.get("/api/status")).json() for _ in range(2)]
    assert answers == [{"asked": 0, "latency": None}, {"asked": 1, "latency": None}]


async def test_metrics_are_those_of_the_registry() -> None:
    registry = CollectorRegistry()
    Counter("frames", "Frames so far.", registry=registry).inc(7)
    async with serving(HERE, [], dict, registry) as address:
        async with httpx.AsyncClient(base_url=address) as client:
            answer = await client.get("/metrics")
    assert "frames_total 7.0" in answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")


async def test_routes_of_sinks_are_served_and_others_are_not() -> None:
    async with serving(HERE, [Route("/hello", hello)], dict, CollectorRegistry()) as address:
        async with httpx.AsyncClient(base_url=address) as client:
            assert (await client.get("/hello")).text == "hello"
            assert (await client.post("/hello")).status_code == 405
            assert (await client.get("/nothing")).status_code == 404
            assert (await client.get("/docs")).status_code == 404


async def test_an_error_shows_nothing_of_the_inside() -> None:
    async with serving(HERE, [Route("/breaks", breaks)], dict, CollectorRegistry()) as address:
        async with httpx.AsyncClient(base_url=address) as client:
            answer = await client.get("/breaks")
            assert (await client.get("/healthz")).status_code == 200
    assert answer.status_code == 500
    assert re.fullmatch(r"internal error [0-9a-f]{12}", answer.json()["detail"])


async def test_two_routes_of_one_path_are_refused() -> None:
    for routes in ([Route("/a", hello), Route("/a", hello)], [Route("/metrics", hello)]):
        with pytest.raises(BadListen, match="two sinks show something at /"):
            async with serving(HERE, routes, dict, CollectorRegistry()):
                pass


async def test_sinks_may_have_the_same_path_for_streams_of_their_own() -> None:
    async def other(request: Request) -> Response:
        return PlainTextResponse("other")

    path = "/streams/{name}/index.m3u8"
    routes = [StreamRoute(path, hello, ["a"]), StreamRoute(path, other, ["b"])]
    async with (
        serving(HERE, routes, dict, CollectorRegistry()) as address,
        httpx.AsyncClient(base_url=address) as client,
    ):
        assert (await client.get("/streams/a/index.m3u8")).text == "hello"
        assert (await client.get("/streams/b/index.m3u8")).text == "other"
        assert (await client.get("/streams/c/index.m3u8")).status_code == 404
    routes.append(StreamRoute(path, other, ["c", "a"]))
    with pytest.raises(BadListen, match="two sinks show something at /streams/a/"):
        async with serving(HERE, routes, dict, CollectorRegistry()):
            pass


async def test_of_sinks_that_share_a_path_the_first_that_has_the_stream_answers() -> None:
    async def other(request: Request) -> Response:
        return PlainTextResponse("other")

    path = "/streams/{name}/snapshot.jpg"
    first = StreamRoute(path, hello, ["a"], shared=True)
    second = StreamRoute(path, other, ["a", "b"], shared=True)
    async with (
        serving(HERE, [first, second], dict, CollectorRegistry()) as address,
        httpx.AsyncClient(base_url=address) as client,
    ):
        assert (await client.get("/streams/a/snapshot.jpg")).text == "hello"
        assert (await client.get("/streams/b/snapshot.jpg")).text == "other"


async def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadListen, match=f"wanted 127.0.0.1 port {port}, got: Address already"):
            async with serving(f"127.0.0.1:{port}", [], dict, CollectorRegistry()):
                pass


@pytest.mark.parametrize("listen", ["192.0.2.77:0", "no-such-host.invalid:0"])
async def test_an_address_of_another_machine_is_refused(listen: str) -> None:
    with pytest.raises(BadListen, match=r"listen: wanted .*, got"):
        async with serving(listen, [], dict, CollectorRegistry()):
            pass


@pytest.mark.parametrize(
    ("listen", "means"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        (":0", ("127.0.0.1", 0)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::1]:8080", ("::1", 8080)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_where_to_listen_can_be_written_as(listen: str, means: tuple[str, int]) -> None:
    assert parse_listen(listen) == means


@pytest.mark.parametrize(
    "listen", ["", "8080", "::1:8080", "host:", "host:http", "host:65536", "host:-1", "a b:80"]
)
def test_where_to_listen_is_not(listen: str) -> None:
    with pytest.raises(BadListen, match="wanted host:port"):
        parse_listen(listen)


async def test_the_port_is_free_again_at_once() -> None:
    async with serving(HERE, [], dict, CollectorRegistry()) as address:
        async with httpx.AsyncClient(base_url=address) as client:
            await client.get("/healthz")
    async with serving(address.removeprefix("http://"), [], dict, CollectorRegistry()) as again:
        assert again == address


async def test_it_needs_no_thread_of_its_own_and_no_signals() -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    before = set(threading.enumerate())  # Keras, where a test has trained, leaves some
    async with serving(HERE, [], dict, CollectorRegistry()):
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
        begun = set(threading.enumerate()) - before
        assert [t.name for t in begun if not t.name.startswith("asyncio_")] == []


@pytest.mark.parametrize("path", ["/endless", "/flood", "/deaf"])
async def test_it_stops_within_a_second_whoever_still_looks(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    routes = [Route("/endless", endless), Route("/flood", flood), Route("/deaf", deaf)]
    async with serving(HERE, routes, dict, CollectorRegistry()) as address:
        readers = [(await asyncio.to_thread(get, address, path))[0] for _ in range(5)]
        async with httpx.AsyncClient(base_url=address) as client:
            await client.get("/healthz")
        began = time.perf_counter()
    took = time.perf_counter() - began
    for reader in readers:
        reader.close()
    assert took < 1
    assert "Exception" not in caplog.text


async def test_it_stops_within_a_second_under_open_mjpeg_streams() -> None:
    sink = MjpegSink(MjpegOptions(), SinkContext("page", ("a",)))
    async with serving(HERE, sink.routes(), dict, CollectorRegistry()) as address:
        await sink.write([delivery(grey_frame(0), "capture")])
        readers = [(await asyncio.to_thread(get, address, "/streams/a.mjpeg"))[0] for _ in range(5)]
        began = time.perf_counter()
    assert time.perf_counter() - began < 1
    for reader in readers:
        assert (await asyncio.to_thread(drained, reader)).endswith(b"0\r\n\r\n")
    await sink.close()


def drained(reader: socket.socket) -> bytes:
    """All that comes until the other end closes: a proper end, and no reset."""
    with reader:
        found = b""
        while chunk := reader.recv(1 << 16):
            found += chunk
        return found


async def test_a_broken_request_harms_nobody() -> None:
    async with serving(HERE, [], dict, CollectorRegistry()) as address:
        port = int(address.rpartition(":")[2])
        for noise in (b"\x00\xff\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 100_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(noise)
            answer = await asyncio.wait_for(reader.read(200), 10)
            assert answer.startswith(b"HTTP/1.1 4")
            writer.close()
        async with httpx.AsyncClient(base_url=address) as client:
            assert (await client.get("/healthz")).status_code == 200


def test_importing_it_does_not_import_what_takes_long() -> None:
    code = "import sys, pipeline.server; print({'fastapi', 'uvicorn'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
