"""A real Chromium, driven by Playwright, on the page or on one of its modules."""

import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sinks.webrtc.assets import HEADERS, TYPES

if TYPE_CHECKING:
    from playwright.async_api import Page
    from playwright.sync_api import Page as SyncPage
    from playwright.sync_api import Route

FOLDER = Path(__file__).parents[3] / "sinks" / "webrtc" / "page"
ARGS = (
    "--no-sandbox", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
)  # fmt: skip
NOWHERE = "http://page.test/view/"


def chromium() -> str:
    """The browser's path. Skips the test where there is none."""
    pytest.importorskip("playwright", reason="needs the package playwright, to drive a browser")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("needs the Debian package chromium, for a real browser")
    return found


@dataclass
class Visit:
    """Somebody who looks at a page.

    complaints  what the page or the browser has written to the console, or thrown
    """

    page: "Page"
    complaints: list[str] = field(default_factory=list)

    async def until(self, script: str, **what: object) -> None:
        """Wait until an expression is true; `arg` in it is `what`."""
        await self.page.wait_for_function(f"(arg) => {script}", arg=what, timeout=30_000)

    async def state(self, stream: str, wanted: str) -> None:
        """Wait until a stream is in a state."""
        await self.until(
            "document.getElementById(`name-${arg.stream}`)?.closest('article')"
            ".dataset.state === arg.wanted",
            stream=stream, wanted=wanted,
        )  # fmt: skip


@asynccontextmanager
async def visiting(
    address: str, width: int = 1280, height: int = 800, *, phone: bool = False, lacking: str = ""
) -> AsyncIterator[Visit]:
    """A browser with one page open while the block runs.

    lacking  a script that takes from the browser what another one has not
    """
    binary = chromium()
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=binary, args=ARGS)
        context = await browser.new_context(
            viewport={"width": width, "height": height}, is_mobile=phone, has_touch=phone
        )
        await context.add_init_script(lacking)
        visit = Visit(await context.new_page())
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on(
            "console",
            lambda said: visit.complaints.append(said.text) if said.type == "error" else None,
        )
        await visit.page.goto(address)
        yield visit
        await browser.close()


@contextmanager
def modules() -> Iterator["Modules"]:
    """A browser that can import the page's modules, without a server."""
    binary = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=ARGS)
        page = browser.new_page()
        page.route("**/*", _from_the_folder)
        page.goto(f"{NOWHERE}vendor/README.md")
        yield Modules(page)
        browser.close()


@dataclass(frozen=True)
class Modules:
    """Runs scripts on the page's modules."""

    page: "SyncPage"

    def run(self, script: str, *imported: str, **given: object) -> object:
        """What the body of a function gives, as JSON.

        imported  modules, whose exports the script has in `m`
        given     what the script has as `given`
        """
        loads = "".join(f"Object.assign(m, await import('/view/{one}.js'));" for one in imported)
        body = f"async (given) => {{ const m = {{}}; {loads} {script} }}"
        return self.page.evaluate(body, json.loads(json.dumps(given)))


def _from_the_folder(route: "Route") -> None:
    name = route.request.url.removeprefix(NOWHERE)
    file = FOLDER / name
    if not route.request.url.startswith(NOWHERE) or not file.is_file():
        route.fulfill(status=404)
        return
    route.fulfill(
        body=file.read_bytes(), headers=HEADERS, content_type=TYPES.get(file.suffix, "text/plain")
    )
