"""Coming in with a real browser: what it does with cookies, policies and redirects."""

import html
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from pipeline.access.grants import Grant, Seal
from pipeline.server import serving
from tests.access.house import ACCESS, PASSWORD, SECRET, House, house
from tests.sinks.browser import browser

BROWSER = browser()
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs the Debian package chromium")
POST = """() => fetch(TO, {method: 'POST', mode: 'no-cors', credentials: 'include'}).then(
    () => 'sent', () => 'failed')"""


@asynccontextmanager
async def looking() -> AsyncIterator[Page]:
    async with async_playwright() as play:
        chromium = await play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = await chromium.new_page(ignore_https_errors=True)
        page.set_default_timeout(30_000)
        yield page
        await chromium.close()


@asynccontextmanager
async def another_site(*links: str) -> AsyncIterator[str]:
    """A page of a site that is not ours: for a browser, localhost is not 127.0.0.1."""
    rows = "".join(f'<a href="{html.escape(link)}">link</a>' for link in links)

    async def page(request: Request) -> Response:
        free = {"Content-Security-Policy": "default-src * 'unsafe-inline'"}
        return HTMLResponse(f"<!doctype html><title>evil</title>{rows}", headers=free)

    routes = [Route("/", page)]
    async with serving("127.0.0.1:0", routes, dict, CollectorRegistry()) as address:
        yield address.replace("127.0.0.1", "localhost")


async def log_in(page: Page, here: House) -> None:
    await page.goto(f"{here.address}/api/me")
    await page.get_by_label("Name").fill("anna")
    await page.get_by_label("Password or token").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url("**/api/me")


@pytest.mark.slow
async def test_a_person_logs_in_over_https(tmp_path: Path) -> None:
    async with house(tmp_path, tls="self-signed", access=ACCESS) as here, looking() as page:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        await page.goto(f"{here.address}/api/me")
        assert page.url.startswith(f"{here.address}/login?next=")
        await page.get_by_label("Name").fill("anna")
        await page.get_by_label("Password or token").fill("wrong")
        await page.get_by_role("button", name="Log in").click()
        assert await page.get_by_role("alert").inner_text() == "Wrong name or password."
        await page.screenshot(path=tmp_path / "login.png")
        await log_in(page, here)
        assert '"name":"anna"' in await page.content()
        (cookie,) = await page.context.cookies()
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
        assert await page.evaluate("document.cookie") == ""
    assert [line for line in said if "Content Security Policy" in line] == []


@pytest.mark.slow
async def test_a_link_in_a_mail_leads_in(tmp_path: Path) -> None:
    text = Seal(SECRET).sign(Grant("link", "guest", time.time() + 600, "1", ("lobby",)))
    async with house(tmp_path, access=ACCESS) as here, looking() as page:
        async with another_site(f"{here.address}/link/{text}") as other:
            await page.goto(other)
            await page.get_by_role("link").click()
            await page.wait_for_url("**/api/me")
            assert '"name":"link:guest"' in await page.content()


@pytest.mark.slow
@pytest.mark.parametrize("access", [None, ACCESS])
async def test_a_page_of_another_site_changes_nothing(
    tmp_path: Path, access: dict[str, object] | None
) -> None:
    async with house(tmp_path, access=access) as here, looking() as page:
        if access is not None:
            await log_in(page, here)
        async with another_site() as other:
            await page.goto(other)
            await page.evaluate(POST.replace("TO", repr(f"{here.address}/change")))
            seen = "() => fetch(TO).then(() => 'seen', () => 'failed')"
            seen = seen.replace("TO", repr(f"{here.address}/api/me"))
            assert await page.evaluate(seen) == "failed"
    refused = [line["why"] for line in here.audit() if line["event"] == "refused"]
    assert "another site" in refused
