"""`framewire run`: one config, from start to end, with signals, table, server and report."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import msgspec
import structlog
from rich.console import Console
from rich.live import Live

from models.errors import ModelError
from pipeline.access.access import Access, opened
from pipeline.config import PipelineConfig
from pipeline.health import health_routes
from pipeline.isolation import StageFailed
from pipeline.metrics import registry
from pipeline.pipeline import Pipeline
from pipeline.report import Report, report, write
from pipeline.server import serving
from pipeline.table import table
from pipeline.tuning import tune
from pipeline.whip import Whip
from sinks.errors import SinkError
from stages.capture.whip import WhipSource
from stages.errors import StageError
from stages.throttle import Throttle

log = structlog.get_logger()

REFRESH = 0.5  # seconds between two pictures of the live table
KEEP = 1.0  # seconds between two reports on disk while it runs


def run(
    config: PipelineConfig,
    *,
    seconds: float | None = None,
    report_to: Path | None = None,
    show_table: bool = False,
) -> int:
    """Run a config until its sources end, until a signal, or for so many seconds.

    SIGINT and SIGTERM drain the graph, for at most five seconds; a second one ends at once.

    report_to   where the report goes as JSON: once a second while it runs, so that a process that
                is killed leaves its ledger, and at the end
    show_table  draw the live table on the terminal
    returns     the exit code: 0 after a clean end, 1 after a failure
    """
    tune()
    try:
        return asyncio.run(_run(config, seconds, report_to, show_table=show_table))
    except (ModelError, StageError, StageFailed, SinkError, OSError) as error:
        log.error("cannot start", error=str(error))
        return 1


async def _run(
    config: PipelineConfig, seconds: float | None, report_to: Path | None, *, show_table: bool
) -> int:
    # The audit log outlives the sinks, which tell it that nobody watches any more.
    async with opened(config.http, config.folder) as access, Pipeline(config) as pipeline:
        began = time.monotonic()
        _obey_signals(pipeline)
        async with _server(pipeline, began, access) as address:
            for name, place in _addresses(pipeline, address).items():
                log.info("results", sink=name, at=place)
            async with (
                _live_table(pipeline, began, address, show=show_table),
                _kept(pipeline, began, report_to),
            ):
                await pipeline.run(seconds)
            made = report(pipeline, began)
    if report_to is not None:
        write(report_to, made)
    if not made.balanced:
        log.error("the ledger does not balance")
    if pipeline.failure is not None:
        log.error("stopped", failure=pipeline.failure)
    return 0 if pipeline.failure is None and made.balanced else 1


def _obey_signals(pipeline: Pipeline) -> None:
    before = 0  # signals; `--for` or a failure may have begun the drain before the first

    def obey(number: int) -> None:
        nonlocal before
        if before:
            # Stopping now means now: no flush, no wait. Children die with their parent.
            os._exit(128 + number)
        before += 1
        log.info("stopping", signal=signal.Signals(number).name)
        pipeline.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, obey, number)


@asynccontextmanager
async def _server(pipeline: Pipeline, began: float, access: Access) -> AsyncIterator[str | None]:
    listen = pipeline.config.http.listen
    if listen is None:
        yield None
        return

    def look() -> Report:
        return report(pipeline, began, over=False)

    sources = pipeline.parts.sources
    whip = Whip({name: one for name, one in sources.items() if isinstance(one, WhipSource)})
    routes = [route for sink in pipeline.parts.sinks.values() for route in sink.routes()]
    routes += health_routes(pipeline.not_ready)
    status = lambda: msgspec.to_builtins(look())  # noqa: E731
    async with (
        aclosing(whip),
        serving(listen, [*routes, *whip.routes()], status, registry(look), access) as address,
    ):
        yield address


def _addresses(pipeline: Pipeline, server: str | None) -> dict[str, str]:
    found = {}
    for name, sink in pipeline.parts.sinks.items():
        place = sink.address()
        if place is None:
            continue
        if isinstance(place, Path):
            found[name] = os.path.normpath(place)
        elif place.startswith("/") and sink.routes():
            found[name] = f"{server}{place}" if server else "nowhere: http.listen is null"
        else:
            found[name] = place if "://" in place else os.path.normpath(place)
    return found


@asynccontextmanager
async def _kept(pipeline: Pipeline, began: float, path: Path | None) -> AsyncIterator[None]:
    if path is None:
        yield
        return
    over = asyncio.Event()
    task = asyncio.create_task(_keep(pipeline, began, path, over))
    try:
        yield
    finally:
        over.set()  # not cancelled: what a thread still writes would replace the last word
        await task


async def _keep(pipeline: Pipeline, began: float, path: Path, over: asyncio.Event) -> None:
    throttle = Throttle()
    while not over.is_set():
        try:
            await asyncio.to_thread(write, path, report(pipeline, began, over=False))
        except OSError as error:  # a full disk: the next one may fit
            if (held_back := throttle.ready()) is not None:
                log.warning("report not written", error=str(error), held_back=held_back)
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), KEEP)


@asynccontextmanager
async def _live_table(
    pipeline: Pipeline, began: float, address: str | None, *, show: bool
) -> AsyncIterator[None]:
    if not show:
        yield
        return
    with Live(console=Console(), auto_refresh=False, transient=False) as live:
        task = asyncio.create_task(_refresh(live, pipeline, began, address))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            live.update(table(report(pipeline, began), None, address), refresh=True)


async def _refresh(live: Live, pipeline: Pipeline, began: float, address: str | None) -> None:
    before: Report | None = None
    while True:
        now = report(pipeline, began)
        live.update(table(now, before, address), refresh=True)
        before = now
        await asyncio.sleep(REFRESH)
