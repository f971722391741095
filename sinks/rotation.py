"""When a file that grows is laid aside, what it is called then, and how many stay."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from glob import escape
from pathlib import Path

from pydantic import Field

from stages.stage import Options

MOMENT = "%Y%m%dT%H%M%S.%fZ"


class RotationOptions(Options):
    """The keys of every sink whose files rotate."""

    rotate_mb: float = Field(
        0.0,
        ge=0,
        description="Megabytes of lines after which a new file begins; 0: never for that.",
    )
    rotate_s: float = Field(
        0.0,
        ge=0,
        description="Seconds after which a new file begins, counted from midnight UTC of 1970, so "
        "that 3600 is each full hour; 0: never for that.",
    )
    keep: int = Field(
        0, ge=0, description="Files that are kept beside the one being written; 0: all."
    )


@dataclass(frozen=True, slots=True)
class Rotation:
    """The rules of one sink.

    limit   bytes that a file may reach; 0: any
    period  seconds, on the wall clock; 0: for ever
    keep    files that stay beside the one being written; 0: all
    """

    limit: int = 0
    period: float = 0.0
    keep: int = 0

    @classmethod
    def of(cls, options: RotationOptions) -> "Rotation":
        """The rules as a config gives them."""
        return cls(round(options.rotate_mb * 1e6), options.rotate_s, options.keep)

    def due(self, size: int, written: float, now: float) -> bool:
        """Whether a file is to be laid aside.

        size     its bytes; an empty one is not
        written  when something was last written to it, in seconds since 1970
        now      likewise
        """
        if not size:
            return False
        full = self.limit > 0 and size >= self.limit
        return full or (self.period > 0 and written // self.period != now // self.period)

    def name(self, path: Path, now: float) -> Path:
        """What `path` is called when it is laid aside at `now`: its name with the moment in it."""
        moment = datetime.fromtimestamp(now, UTC)
        while (laid := path.with_name(f"{path.stem}-{moment:{MOMENT}}{path.suffix}")).exists():
            moment += timedelta(microseconds=1)
        return laid

    def prune(self, path: Path) -> int:
        """Delete the oldest of the files that were laid aside, if there are too many: how many."""
        if not self.keep:
            return 0
        too_many = aside(path)[: -self.keep]
        for file in too_many:
            file.unlink(missing_ok=True)
        return len(too_many)


def aside(path: Path) -> list[Path]:
    """The files of `path` that were laid aside, the oldest first."""
    moment = "[0-9]" * 8 + "T" + "[0-9]" * 6 + "." + "[0-9]" * 6 + "Z"
    return sorted(path.parent.glob(f"{escape(path.stem)}-{moment}{escape(path.suffix)}"))


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
