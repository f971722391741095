"""Coming in by the page, leaving, links: with cookies, over real sockets."""

import re
import time
from pathlib import Path

import httpx
import pytest

from pipeline.access.grants import Grant, Seal
from tests.access.house import ACCESS, HASHER, OTHERS, PASSWORD, SECRET, USERS, House, house


async def come_in(
    here: House, name: str = "anna", password: str = PASSWORD, **more: str
) -> httpx.Response:
    return await here.client.post("/login", data={"name": name, "password": password, **more})


async def test_a_person_is_sent_to_the_login_page_and_back(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        html = {"Accept": "text/html,*/*"}
        sent = await here.client.get("/show/lobby?big=1&x=%20", headers=html)
        assert sent.status_code == 303
        page = await here.client.get(sent.headers["location"])
        assert page.status_code == 200
        after = re.search(r'name="next" value="([^"]*)"', page.text)
        assert after is not None
        inside = await come_in(here, next=after[1].replace("&amp;", "&"))
        assert (inside.status_code, inside.headers["location"]) == (303, "/show/lobby?big=1&x=%20")
        answer = await here.client.get("/show/lobby")
    assert answer.json() == {"name": "anna", "role": "admin"}


async def test_the_cookie_is_kept_from_scripts_and_from_other_sites(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        cookie = (await come_in(here)).headers["set-cookie"]
    assert cookie.startswith(f"framewire-{here.port}=")
    for part in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert re.search(r"Max-Age=431\d\d;", cookie)
    assert "Domain" not in cookie
    assert "Secure" not in cookie  # this is plain HTTP; see test_tls


@pytest.mark.parametrize(
    "after",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "x", ""],
)
async def test_a_login_leads_nowhere_else(tmp_path: Path, after: str) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        answer = await come_in(here, next=after)
    assert answer.headers["location"] == "/api/me"


async def test_the_page_shows_nothing_of_what_it_was_given_as_html(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        page = await here.client.get("/login", params={"next": '/"><script>x</script>STYLE'})
        wrong = await come_in(here, "<b>", "no", next="'\"><script>")
    assert "<script>" not in page.text + wrong.text
    assert wrong.status_code == 401
    assert 'role="alert"' in wrong.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; style-src 'sha256-" in policy
    assert "unsafe" not in policy


async def test_after_leaving_the_old_cookie_is_good_for_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        await come_in(here)
        old = dict(here.client.cookies)
        assert (await here.client.get("/api/me")).status_code == 200
        left = await here.client.post("/logout")
        assert (left.status_code, left.headers["location"]) == (303, "/login")
        assert not here.client.cookies
        here.client.cookies.update(old)
        assert (await here.client.get("/api/me")).status_code == 401
    events = [(line["event"], line["who"]) for line in here.audit()]
    assert events == [("login", "anna"), ("logout", "anna")]


async def test_another_site_logs_nobody_in_or_out(tmp_path: Path) -> None:
    evil = {"Origin": "https://evil.example"}
    async with house(tmp_path, access=ACCESS) as here:
        data = {"name": "anna", "password": PASSWORD}
        assert (await here.client.post("/login", data=data, headers=evil)).status_code == 403
        await come_in(here)
        assert (await here.client.post("/logout", headers=evil)).status_code == 403
        assert (await here.client.get("/api/me")).status_code == 200


async def test_a_session_outlives_a_restart_but_not_a_new_password(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        await come_in(here)
        cookie = next(iter(dict(here.client.cookies).values()))
    anna = {"password": HASHER.hash("a new one"), "role": "admin"}
    for users, status in (
        (USERS, 200),
        (USERS | {"anna": anna}, 401),
        ({"ben": USERS["ben"]}, 401),
    ):
        async with house(tmp_path, access=ACCESS | {"users": users}) as here:
            here.client.cookies[f"framewire-{here.port}"] = cookie
            assert (await here.client.get("/api/me")).status_code == status


async def test_a_session_ends(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        grant = Grant(
            "session", "anna", time.time() - 1, "1", entry=here.access.people.entry("anna")
        )
        here.client.cookies[f"framewire-{here.port}"] = here.access.seal.sign(grant)
        assert (await here.client.get("/api/me")).status_code == 401


async def test_a_link_becomes_a_cookie_without_a_redirect(tmp_path: Path) -> None:
    until = time.time() + 600
    text = Seal(SECRET).sign(Grant("link", "guest", until, "7", ("lobby",)))
    async with house(tmp_path, access=ACCESS) as here:
        page = await here.client.get(f"/link/{text}")
        assert page.status_code == 200  # after a redirect a strict cookie would be kept back
        assert 'content="0; url=/api/me"' in page.text
        assert "SameSite=strict" in page.headers["set-cookie"]
        me = (await here.client.get("/api/me")).json()
        assert (me["name"], me["role"], me["streams"]) == ("link:guest", "viewer", ["lobby"])
        await here.client.post("/logout")  # this one leaves; others may have the same link
        assert (await here.client.get("/api/me")).status_code == 401
        assert (await here.client.get(f"/link/{text}")).status_code == 200
    opened = [line for line in here.audit() if line["event"] == "link"]
    assert [(line["link"], line["streams"]) for line in opened] == [("7", ["lobby"])] * 2


async def test_a_session_is_no_link(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        await come_in(here, "ben", OTHERS)
        session = next(iter(dict(here.client.cookies).values()))
        assert (await here.client.get(f"/link/{session}")).status_code == 401


async def test_a_form_that_is_none_is_told_so(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS) as here:
        for content in (b"\xff\xfe", b"&".join(b"a=%d" % n for n in range(50))):
            assert (await here.client.post("/login", content=content)).status_code == 400
        assert (await here.client.post("/login", content=b"")).status_code == 401


async def test_too_many_tries_are_told_on_the_page(tmp_path: Path) -> None:
    async with house(tmp_path, access=ACCESS, limits={"logins_per_minute": 1}) as here:
        answers = [await come_in(here, password="no") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [401, 429]
    assert "Too many tries" in answers[1].text
    assert int(answers[1].headers["retry-after"]) > 50
