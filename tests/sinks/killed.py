"""Kills processes that write."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]


async def killed(kind: str, folder: Path, *options: str, after_s: float = 0.0) -> int:
    """Run `tests.sinks.endless` and kill it: how many results it surely had in its file."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.sinks.endless", kind, str(folder), *options),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        told = await asyncio.wait_for(process.stdout.readline(), 60)
        await asyncio.sleep(after_s)
    finally:
        process.kill()
        await process.wait()
    return int(told)


async def acknowledged(
    kind: str, folder: Path, options: dict[str, object], midway: Callable[[int], None], count: int
) -> list[int]:
    """Run `tests.sinks.acknowledged` and kill it after `count`: what it was told is safe.

    midway  called with each number as it comes
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.sinks.acknowledged", kind, str(folder)),
        msgspec.json.encode(options).decode(),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    safe: list[int] = []
    try:
        async with asyncio.timeout(60):
            while len(safe) < count:
                safe.append(int(await process.stdout.readline() or -1))
                midway(safe[-1])
    finally:
        process.kill()
        rest, _ = await process.communicate()
    whole = rest.rpartition(b"\n")[0]
    return safe + [int(line) for line in whole.split()]
