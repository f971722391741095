"""Who is let in, over real sockets."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from pipeline.access.grants import Grant, Seal
from sinks.viewers import because
from tests.access.house import (
    ACCESS,
    OTHERS,
    PASSWORD,
    ROUTES,
    SECRET,
    TOKEN,
    USERS,
    bearer,
    house,
)  # fmt: skip


def link(*streams: str, lasts: float = 60, secret: str = SECRET) -> str:
    return Seal(secret).sign(Grant("link", "guest", time.time() + lasts, "1", streams))


async def test_without_access_everybody_on_this_machine_is_an_admin(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        answer = await here.client.get("/show/vault")
        assert answer.json() == {"name": "everybody", "role": "admin"}
        assert (await here.client.post("/change", content=b"abc")).text == "everybody 3"
        assert (await here.client.get("/login")).status_code == 404


@pytest.mark.parametrize("path", ["/show/lobby", "/api/status", "/metrics", "/api/me", "/nothing"])
async def test_whom_nobody_knows_is_told_how_to_say_who_they_are(tmp_path: Path, path: str) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        answer = await here.client.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer realm=")
    assert "Basic realm=" in answer.headers["www-authenticate"]


async def test_a_browsers_script_is_not_told_of_basic_which_would_open_a_window(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        answer = await here.client.get("/api/me", headers={"Sec-Fetch-Mode": "cors"})
    assert answer.status_code == 401
    assert "Basic" not in answer.headers["www-authenticate"]


async def test_whether_it_is_well_is_told_to_everybody(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        assert (await here.client.get("/healthz")).text == "ok"


async def test_a_token_is_enough(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        assert (await here.client.get("/api/me", headers=bearer())).json() == {
            "name": "wall", "role": "viewer", "streams": None, "until": None,
        }  # fmt: skip
        assert (await here.client.get("/metrics", headers=bearer())).status_code == 200
        assert (await here.client.get("/api/me", headers=bearer("x" * 32))).status_code == 401


@pytest.mark.parametrize(
    ("name", "password", "status"),
    [
        ("anna", PASSWORD, 200), ("ben", OTHERS, 200), ("wall", TOKEN, 200),
        ("anna", OTHERS, 401), ("nobody", PASSWORD, 401), ("anna", TOKEN, 401), ("anna", "", 401),
        ("anna", "x" * 5000, 401),
    ],
)  # fmt: skip
async def test_name_and_password_as_basic(
    tmp_path: Path, name: str, password: str, status: int
) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        answer = await here.client.get("/api/me", auth=(name, password))
        assert answer.status_code == status
        assert (await here.client.get("/api/me", auth=(name, password))).status_code == status


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic YW5uYQ==", "Basic //8=", "Digest x"])
async def test_a_header_that_cannot_be_read_lets_nobody_in(tmp_path: Path, header: str) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        answer = await here.client.get("/api/me", headers={"Authorization": header})
    assert answer.status_code == 401


async def test_rights_are_per_stream(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        here.client.auth = httpx.BasicAuth("ben", OTHERS)
        assert (await here.client.get("/show/lobby")).json()["name"] == "ben"
        assert (await here.client.get("/show/vault")).status_code == 404
        status = (await here.client.get("/api/status")).json()
        assert "vault" not in str(status)
        assert status["nodes"]["detect"] == {"ledger": {"lobby": {"done": 1}}, "fps": 3}
        assert (await here.client.get("/metrics")).status_code == 403


async def test_a_viewer_changes_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        answer = await here.client.post("/change", headers=bearer())
        assert (answer.status_code, answer.json()["detail"]) == (
            403, "change: wanted an admin, got a viewer",
        )  # fmt: skip
        assert (await here.client.post("/change", auth=("anna", PASSWORD))).text == "anna 0"
    refused = [line for line in here.audit() if line["event"] == "refused"]
    assert [(line["who"], line["what"]) for line in refused] == [("wall", "change")]


async def test_a_link_shows_its_streams_until_it_ends(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        for how in ({"headers": bearer(link("lobby"))}, {"params": {"link": link("lobby")}}):
            answer = await here.client.get("/show/lobby", **how)
            assert answer.json() == {"name": "link:guest", "role": "viewer"}
            assert (await here.client.get("/show/vault", **how)).status_code == 404
        over = await here.client.get("/show/lobby", params={"link": link("lobby", lasts=-1)})
        assert (over.status_code, over.json()) == (401, {"detail": "link: over"})


@pytest.mark.parametrize("changed", ["stream", "signature", "secret", "cut", "nothing"])
async def test_a_link_that_was_tampered_with_lets_nobody_in(tmp_path: Path, changed: str) -> None:
    text = link("lobby")
    data, _, signature = text.partition(".")
    other = link("lobby", "vault").partition(".")[0]
    bad = {
        "stream": f"{other}.{signature}",
        "signature": f"{data}.{signature[:-2]}AA",
        "secret": link("lobby", secret="r" * 32),
        "cut": text[:-5],
        "nothing": "",
    }[changed]
    async with house(tmp_path, access=ACCESS) as here:
        answer = await here.client.get("/show/lobby", params={"link": bad})
        assert answer.status_code == 401
        assert (await here.client.get(f"/link/{bad or 'x'}")).status_code == 401
        assert not here.client.cookies


async def test_what_is_shown_ends_with_the_link(tmp_path: Path) -> None:
    async def endless(request: Request) -> Response:
        async def lines() -> AsyncIterator[bytes]:
            yield b"first\n"
            await asyncio.Event().wait()

        return StreamingResponse(lines())

    async with house(tmp_path, [Route("/endless", endless)], access=ACCESS) as here:
        answer = await here.client.get("/endless", params={"link": link("lobby", lasts=2)})
    assert answer.text == "first\n"  # and a proper end of the body


async def test_a_link_without_a_secret_of_the_config_is_good_for_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, access={"users": USERS}) as here:
        answer = await here.client.get("/show/lobby", params={"link": link("lobby", secret="")})
    assert answer.status_code == 401


async def test_wrong_passwords_are_slowed_down_and_do_not_lock_others_out(tmp_path: Path) -> None:
    limits = {"logins_per_minute": 3}
    async with house(tmp_path, access=ACCESS, limits=limits) as here:
        for _ in range(5):  # right ones cost nothing
            assert (await here.client.get("/api/me", headers=bearer())).status_code == 200
        wrong = [await here.client.get("/api/me", auth=("anna", "no")) for _ in range(5)]
        right = await here.client.get("/api/me", auth=("anna", PASSWORD))
        link_works = await here.client.get("/show/lobby", params={"link": link("lobby")})
    assert [answer.status_code for answer in wrong] == [401, 401, 401, 429, 429]
    assert 15 <= int(wrong[-1].headers["retry-after"]) <= 20
    assert right.status_code == 429
    assert link_works.status_code == 200


async def test_a_wall_of_pictures_with_one_password_is_not_slowed_down(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS, limits={"logins_per_minute": 2}) as here:
        ask = [here.client.get("/api/me", auth=("anna", PASSWORD)) for _ in range(16)]
        answers = await asyncio.gather(*ask)
    assert {answer.status_code for answer in answers} == {200}


async def test_many_guesses_at_once_are_no_more_than_one_after_the_other(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS, limits={"logins_per_minute": 2}) as here:
        ask = [here.client.get("/api/me", auth=("anna", str(n))) for n in range(16)]
        answers = await asyncio.gather(*ask)
    assert sorted(answer.status_code for answer in answers) == [401] * 2 + [429] * 14


async def test_the_audit_log_says_who_watched_what_when(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        await here.client.get("/show/lobby", headers=bearer())
        await here.client.get("/show/lobby", auth=("anna", "secret typed wrong"))
        await here.client.get("/show/lobby", auth=("my password", "anna"))
    watch, watched, wrong, unknown = here.audit()
    assert watch["event"] == "watch"
    assert {key: watched[key] for key in ("event", "who", "role", "from", "stream", "how")} == {
        "event": "watched", "who": "wall", "role": "viewer", "from": "127.0.0.1",
        "stream": "lobby", "how": "test",
    }  # fmt: skip
    assert str(watched["at"]).endswith("+00:00")
    assert (wrong["event"], wrong["who"], wrong["what"]) == ("refused", "anna", "basic")
    assert unknown["who"] == "nobody"  # a name that nobody has may be a password
    text = (tmp_path / "audit").read_text()
    for secret in (TOKEN, PASSWORD, "secret typed wrong", "my password"):
        assert secret not in text
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o600


async def test_what_is_refused_is_logged_once_a_second_with_what_was_asked_for(
    tmp_path: Path,
) -> None:
    async def refuses(request: Request) -> Response:
        because(request, "wanted more")
        raise HTTPException(400, "wanted more")

    routes = [*ROUTES, Route("/refuses", refuses)]
    with capture_logs() as logs:
        async with house(tmp_path, routes, limits={"body_kib": 1}) as here:
            for _ in range(5):
                await here.client.get("/streams/..%2fsecret/snapshot.jpg")
                await here.client.get("/refuses")
                await here.client.post("/change", content=b"x" * 2000)
    told = [line for line in logs if line["event"] == "request refused"]
    assert {line["what"]: (line["status"], line.get("why")) for line in told} == {
        "GET /streams/../secret/snapshot.jpg": (404, None),
        "GET /refuses": (400, "wanted more"),
        "POST /change": (413, None),
    }
    assert len(told) < 15
