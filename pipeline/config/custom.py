"""Which Python files a config may name as stages: their code runs when the config is read.

A config says `custom_stages: false` for none, or names files and folders; if it says nothing,
those in its own folder. Links are followed before a file is looked for among them. Who runs configs
of others sets FRAMEWIRE_CUSTOM_STAGES=off, which no config can undo.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from stages.errors import BadOptions

KEY = "custom_stages"
VARIABLE = "FRAMEWIRE_CUSTOM_STAGES"

DESCRIPTION = (
    "Which Python files `stage: ./file.py:Class` may name, and so run: `true`, those in the "
    "config's folder and below it; `false`, none; or a list of files and folders."
)


class CustomStages:
    """The files whose classes may be stages.

    told    `custom_stages` of the config, None where it says nothing
    folder  the config's
    switch  what FRAMEWIRE_CUSTOM_STAGES is set to, "" if it is not; all but "on" is off
    raises  ValueError with what was wanted of `told`
    """

    def __init__(self, told: object, folder: Path, switch: str = "") -> None:
        self._folder = folder
        self._off = "" if switch in {"", "on"} else f"{VARIABLE} is {switch}"
        self._places: Sequence[Path] = (folder.resolve(),)
        if told is False:
            self._off = self._off or f"{KEY} is false"
        elif isinstance(told, list) and all(isinstance(one, str) and one for one in told):
            self._places = tuple(_resolved(folder / one) for one in told)
        elif told is not None and told is not True:
            raise ValueError("wanted true, false, or a list of files and folders")

    def check(self, stage: str) -> None:
        """Raise BadOptions if `stage: stage` names a file that may not be run."""
        file, separator, _ = stage.rpartition(":")
        if not separator:
            return  # one that is installed
        if self._off:
            raise BadOptions(f"wanted a stage that is installed, since {self._off}, got {stage!r}")
        try:
            path = _resolved(self._folder / file)
        except ValueError as error:
            raise BadOptions(str(error)) from error
        if not any(path.is_relative_to(place) for place in self._places):
            places = " or ".join(str(place) for place in self._places) or f"none, by {KEY}"
            raise BadOptions(f"wanted a file in {places}, got {path}; {KEY} may list it")


def switch_of(environ: Mapping[str, str]) -> str:
    """What the operator has set for all configs."""
    return environ.get(VARIABLE, "")


def _resolved(path: Path) -> Path:
    """Where a path leads. Raises ValueError for what can be no file's."""
    try:
        found = path.resolve()
        with suppress(FileNotFoundError):
            found.stat()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a zero byte, links in a ring
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"wanted a file or a folder, got {str(path)[:80]!r}: {why}") from error
    return found
