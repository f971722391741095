"""The stages by name. Third parties add theirs by entry point, users by a file of their own."""

import importlib.util
import sys
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from typing import cast
from zlib import crc32

from stages.errors import BadOptions
from stages.stage import Stage

ENTRY_POINTS = "framewire.stages"


def find_stage(name: str, folder: Path) -> type[Stage]:
    """The class behind `stage: name`.

    name     one of stages/builtin.py, an entry point of the group `framewire.stages`, or
             `./file.py:Class`, with the file relative to `folder`
    raises   BadOptions if there is none, naming what comes near
    """
    if ":" in name:
        return _from_file(name, folder)
    from stages.builtin import STAGES  # noqa: PLC0415 - a process that runs your file needs none

    if name in STAGES:
        return STAGES[name]
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name in found:
        return _checked(found[name].load(), name)
    known = [*STAGES, *found]
    near = get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
    raise BadOptions(f"no stage is called {name!r}; {hint}")


def _from_file(name: str, folder: Path) -> type[Stage]:
    file, _, attribute = name.rpartition(":")
    path = (folder / file).resolve()
    if not path.is_file():
        raise BadOptions(f"stage {name!r}: there is no file {path}")
    module_name = f"framewire_custom_{path.stem}_{crc32(bytes(path)):08x}"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise BadOptions(f"stage {name!r}: {path.name} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[module_name]
            raise BadOptions(f"stage {name!r}: {type(error).__name__}: {error}") from error
    found = getattr(sys.modules[module_name], attribute, None)
    if found is None:
        raise BadOptions(f"stage {name!r}: {path.name} has no {attribute}")
    return _checked(found, name)


def _checked(found: object, name: str) -> type[Stage]:
    if not (isinstance(found, type) and Stage in found.__mro__):
        raise BadOptions(f"stage {name!r}: wanted a subclass of stages.Stage, got {found!r}")
    return cast("type[Stage]", found)
