"""The Redis of our own: quick to start, and nothing of it is left."""

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from redis.asyncio import Redis

from sinks.embedded_redis import EmbeddedRedis
from sinks.errors import BadSink

ROOT = Path(__file__).parents[2]


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("framewire-redis-*"))


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_it_answers_and_keeps_nothing_on_disk(server: EmbeddedRedis, client: Redis) -> None:
    assert await client.ping()
    assert (await client.config_get("save"))["save"] == ""
    assert (await client.config_get("appendonly"))["appendonly"] == "no"
    assert (await client.config_get("bind"))["bind"] == "127.0.0.1"


async def test_it_starts_within_a_tenth_of_a_second() -> None:
    took = []
    for _ in range(5):
        server = EmbeddedRedis()
        began = time.perf_counter()
        await server.start()
        took.append(time.perf_counter() - began)
        await server.close()
    assert min(took) < 0.1


async def test_closing_leaves_no_process_no_port_and_no_file() -> None:
    before, files = children(), folders()
    server = EmbeddedRedis()
    await server.start()
    mine, port = folders() - files, server.port
    assert len(children() - before) == 2  # the server and its watcher
    assert listens(port)
    await server.close()
    assert children() == before
    assert not any(folder.exists() for folder in mine)
    assert not listens(port)
    await server.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "kill"])
def test_it_dies_with_us_however_we_die(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.sinks.parent"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        born = psutil.Process(parent.pid).children()
        watched = {os.pidfd_open(child.pid): child for child in born}
        (folder,) = [word for child in born for word in child.cmdline() if word.startswith("/tmp")
                     and Path(word).is_dir()][:1]  # fmt: skip
        parent.send_signal(number)
        deadline = time.monotonic() + 10
        while watched and time.monotonic() < deadline:
            for gone in select.select([*watched], [], [], 1)[0]:
                os.close(gone)
                del watched[gone]
        assert not watched, "still there: " + ", ".join(map(str, watched.values()))
    assert len(born) == 2
    assert not listens(port)
    assert not Path(folder).exists()


async def test_ctrl_c_in_a_terminal_does_not_reach_it(server: EmbeddedRedis) -> None:
    ours = os.getpgrp()
    assert all(os.getpgid(pid) != ours for pid in children())


async def test_it_can_be_started_again_on_its_port(server: EmbeddedRedis, client: Redis) -> None:
    assert server.alive
    port = server.port
    for child in psutil.Process().children():
        if "valkey-server" in child.name():
            child.kill()
            child.wait()
    assert not server.alive
    await server.start()
    assert server.alive
    assert server.port == port
    assert await client.ping()


async def test_a_port_that_is_taken_is_named(server: EmbeddedRedis) -> None:
    other = EmbeddedRedis(server.port)
    before = children()
    with pytest.raises(BadSink, match=f"port {server.port}: .*[Aa]ddress already in use"):
        await other.start()
    assert children() == before


async def test_a_port_that_another_program_holds_is_not_taken_for_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadSink, match=f"embedded Redis on port {port}: wanted an answer"):
            await EmbeddedRedis(port).start()
