"""Kills a process that writes."""

import asyncio
import sys
from pathlib import Path

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
