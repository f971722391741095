"""A fault: what goes wrong, what must hold, and what was found."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

STAGES = Path(__file__).parents[1] / "pipeline" / "stages.py"
LIMIT = 60.0  # seconds after which something that is waited for counts as missing
LOOK = 0.01  # seconds between two looks at it


class Missing(Exception):
    """A fault cannot be made here: what it needs is not there."""


@dataclass(slots=True)
class Finding:
    """What was seen of a fault.

    figures  in words, for the line that is printed
    missed   what did not hold, in words; empty: all did
    late     the same, of what depends on how busy the machine is
    """

    figures: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)

    def say(self, figure: str) -> None:
        """Note a figure."""
        self.figures.append(figure)

    def want(self, held: bool, otherwise: str) -> None:
        """Note what did not hold, unless it did."""
        if not held:
            self.missed.append(otherwise)

    def want_soon(self, held: bool, otherwise: str) -> None:
        """The same, of a time or a rate."""
        if not held:
            self.late.append(otherwise)


Torment = Callable[[float, Path, Finding], Awaitable[None]]
"""Makes the fault, so many times or for so many minutes, in a folder of its own."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which things go wrong.

    must_hold    in words
    full, short  how often, or for how many minutes, in `make chaos` and in the tests
    """

    must_hold: str
    torment: Torment
    full: float
    short: float
    unit: Literal["times", "minutes"] = "times"


async def until(there: Callable[[], bool], what: str, limit: float = LIMIT) -> float:
    """Wait for something.

    returns  the seconds that it took
    raises   TimeoutError, which says `what` was wanted
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not there():
        if loop.time() - began > limit:
            raise TimeoutError(f"wanted {what} within {limit:g} s, got none")
        await asyncio.sleep(LOOK)
    return loop.time() - began


def config_in(folder: Path, text: str) -> Path:
    """Write a config; `{stages}` in it stands for the path of tests/pipeline/stages.py."""
    path = folder / "config.yaml"
    listed = f"custom_stages: [{STAGES}, {Path(__file__).parent}]\n"
    path.write_text(listed + text.replace("{stages}", str(STAGES)))
    return path


def load() -> float:
    """Processes that wanted a core at once in the last minute, for each core."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def shared_memory() -> set[str]:
    """The names of what lies in shared memory."""
    return {file.name for file in Path("/dev/shm").iterdir()}
