"""What is sent away before anybody asks who it is, over real sockets."""

import asyncio
from pathlib import Path

import httpx
import pytest
import structlog

from pipeline.access.door import HEADERS
from tests.access.house import ACCESS, PASSWORD, House, bearer, house

CHANGE = "POST /change HTTP/1.1\r\nHost: localhost\r\n"


async def said(here: House, *parts: bytes) -> bytes:
    """All that comes back on a connection that has sent something and is left open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:8080", 200), ("LOCALHOST", 200), ("127.0.0.1", 200),
        ("[::1]:80", 200), ("10.1.2.3:8443", 200), ("cameras.example.org", 200),
        ("evil.example", 421), ("localhost.evil.example", 421), ("127.0.0.1.evil.example", 421),
        ("", 400), ("a b", 421), ("localhost/x", 400), ("u@localhost", 400), ("[::1", 400),
    ],
)  # fmt: skip
async def test_it_answers_to_its_own_names_only(tmp_path: Path, host: str, status: int) -> None:
    async with house(tmp_path, names="cameras.example.org") as here:
        answer = await here.client.get("/healthz", headers={"Host": host})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://localhost:7"}, 200),
        ({"Origin": "https://dashboard.example.org"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "null"}, 403),
        ({"Origin": "http://localhost"}, 403),
        ({"Origin": "https://localhost:7"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
async def test_other_sites_change_nothing(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async with house(tmp_path, origins="https://dashboard.example.org") as here:
        answer = await here.client.post("/change", headers={"Host": "localhost:7", **headers})
    assert answer.status_code == status


async def test_sites_that_are_named_read_and_call(tmp_path: Path) -> None:
    site = "https://dashboard.example.org"
    async with house(tmp_path, origins=site, access=ACCESS) as here:
        asks = {"Access-Control-Request-Method": "POST", "Origin": site}
        asks["Access-Control-Request-Headers"] = "authorization,content-type"
        before = await here.client.options("/change", headers=asks)
        others = await here.client.options("/change", headers=asks | {"Origin": "https://x.y"})
        answer = await here.client.get("/api/me", headers={"Origin": site} | bearer())
        unknown = await here.client.get("/api/me", headers={"Origin": site})
    assert before.status_code == 200
    assert before.headers["access-control-allow-origin"] == site
    assert "access-control-allow-credentials" not in before.headers
    assert others.status_code == 400
    assert "access-control-allow-origin" not in others.headers
    assert answer.headers["access-control-allow-origin"] == site
    assert (unknown.status_code, unknown.headers["access-control-allow-origin"]) == (401, site)


async def test_without_sites_named_no_answer_speaks_of_others(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        answer = await here.client.get("/api/me", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_body_of_10_mb_ends_in_413(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        whole = await here.client.post("/change", content=bytes(10_000_000))

        async def chunks() -> object:
            for _ in range(160):
                yield bytes(1 << 16)

        chunked = await here.client.post("/change", content=chunks())
        assert whole.status_code == chunked.status_code == 413
        assert whole.json() == {"detail": "body: wanted at most 262144 bytes"}
        assert (await here.client.post("/change", content=bytes(262_144))).status_code == 200
        assert (await here.client.post("/change", content=bytes(262_145))).status_code == 413


async def test_who_asks_before_sending_10_mb_need_not_send_it(tmp_path: Path) -> None:
    head = f"{CHANGE}Content-Length: 10000000\r\nExpect: 100-continue\r\n\r\n"
    async with house(tmp_path) as here:
        answer = await said(here, head.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "sent",
    [
        CHANGE + "Content-Length: 100\r\n\r\nonly this",
        CHANGE + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        CHANGE + "X-Never-",
        "",
    ],
)
async def test_a_request_that_never_ends_is_cut(tmp_path: Path, sent: str) -> None:
    async with house(tmp_path, limits={"body_s": 0.3}) as here:
        answer = await said(here, sent.encode())
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert (await here.client.get("/healthz")).status_code == 200


async def test_who_is_not_let_in_hears_so_whatever_they_send(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS, limits={"body_s": 1}) as here:
        answer = await here.client.post("/change", content=bytes(10_000_000))
        assert answer.status_code == 401
        answer = await here.client.post("/change", content=bytes(10), headers=bearer())
        assert answer.status_code == 403
        part = "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
        for more in ("Content-Length: 9\r\n\r\nonly", part):
            assert (await said(here, f"{CHANGE}{more}".encode())).startswith(b"HTTP/1.1 401 ")
        asks = f"{CHANGE}Content-Length: 9\r\nExpect: 100-continue\r\n\r\n"
        assert (await said(here, asks.encode())).startswith(b"HTTP/1.1 401 ")


async def test_after_a_body_that_nobody_read_the_connection_goes_on(tmp_path: Path) -> None:
    ask = b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"
    async with house(tmp_path) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        for _ in range(2):
            writer.write(ask)
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 405 ")
        writer.close()


async def test_a_second_request_that_never_ends_is_cut_too(tmp_path: Path) -> None:
    async with house(tmp_path, limits={"body_s": 0.3}) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200 ")
        writer.write(b"GET /healthz HT")
        assert (await asyncio.wait_for(reader.read(), 3)).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_one_connection_too_many_is_closed_at_once(tmp_path: Path) -> None:
    async with house(tmp_path, limits={"connections": 3}) as here:
        held = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(3)]
        for _, writer in held:
            writer.write(b"GET /")
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await here.client.get("/healthz")
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        assert await here.well()


async def test_too_many_requests_have_to_wait(tmp_path: Path) -> None:
    async with house(tmp_path, limits={"requests_per_s": 0.5}) as here:
        answers = [await here.client.get("/healthz") for _ in range(20)]
    assert [answer.status_code for answer in answers[:5]] == [200] * 5
    waits = [a.headers["retry-after"] for a in answers[5:] if a.status_code == 429]
    assert set(waits) <= {"1", "2"}
    assert waits


@pytest.mark.parametrize(
    ("believed", "address"), [("127.0.0.1", "203.0.113.9"), ("10.0.0.1", "127.0.0.1")]
)
async def test_a_proxy_that_is_named_is_believed(
    tmp_path: Path, believed: str, address: str
) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    data = {"name": "anna", "password": PASSWORD}
    async with house(tmp_path, access=ACCESS, proxies=believed) as here:
        answer = await here.client.post("/login", data=data, headers=forwarded)
    (line,) = here.audit()
    assert (line["event"], line["from"]) == ("login", address)
    secure = answer.headers["set-cookie"].startswith("__Host-")
    assert secure == (believed == "127.0.0.1")


async def test_a_link_that_is_sent_away_is_not_written_down(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        await here.client.get("/link/abc.def", headers={"Host": "evil.example"})
    (line,) = here.audit()
    assert line["what"] == "GET /link/..."


async def test_noise_is_told_once(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        async with house(tmp_path) as here:
            for _ in range(20):
                assert (await said(here, b"\x16\x03\x01\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    assert 1 <= len([line for line in lines if line["event"] == "a request that is none"]) < 20


async def test_a_failure_is_a_number_that_is_in_the_log(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        async with house(tmp_path) as here:
            answer = await here.client.get("/breaks")
            assert (await here.client.get("/healthz")).status_code == 200
    assert answer.status_code == 500
    assert "4711" not in answer.text
    failures = [line for line in lines if line["event"] == "an answer failed"]
    assert [line["id"] for line in failures] == [answer.json()["detail"].split()[-1]]


@pytest.mark.parametrize("path", ["/healthz", "/breaks", "/nothing", "/api/me"])
async def test_every_answer_has_what_protects_a_browser(tmp_path: Path, path: str) -> None:
    async with house(tmp_path) as here:
        answer = await here.client.get(path)
        refused = await here.client.get(path, headers={"Host": "evil.example"})
    for found in (answer, refused):
        assert {name: found.headers.get(name) for name in HEADERS} == HEADERS
