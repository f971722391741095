"""`framewire new stage`: a stage of your own to begin with, its test, a config that runs it."""

import keyword
import re
from importlib.util import find_spec
from pathlib import Path

import typer

from stages.builtin import STAGES

FAILURE, WRONG_CALL = 1, 2
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def new_stage(name: str, folder: Path) -> int:
    """Write NAME.py, test_NAME.py and NAME.yaml into `folder`; nothing, if one of them is there."""
    if (wrong := _wrong(name)) is not None:
        typer.echo(f"NAME: {wrong}, got {name!r}", err=True)
        return WRONG_CALL
    kind = "".join(part.capitalize() for part in name.split("_"))
    files = {
        folder / f"{name}.py": STAGE,
        folder / f"test_{name}.py": TEST,
        folder / f"{name}.yaml": CONFIG,
    }
    for file in files:
        if file.exists() or file.is_symlink():
            typer.echo(f"{file}: wanted a name that is free, got a file; nothing written", err=True)
            return FAILURE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            with file.open("x", encoding="utf-8") as target:  # never over another
                target.write(text.replace("NAME", name).replace("CLASS", kind))
            typer.echo(file)
    except OSError as error:
        typer.echo(f"{folder}: wanted a folder to write to, got: {error.strerror}", err=True)
        return FAILURE
    typer.echo(f"try it: framewire run {folder / f'{name}.yaml'} --for 2; pytest {folder}")
    return 0


def _wrong(name: str) -> str | None:
    if not NAME.fullmatch(name):
        return "wanted small letters, digits and _, a letter first, at most 40 of them"
    if keyword.iskeyword(name):
        return "wanted a name that is no word of Python"
    if name in STAGES:
        return "wanted a name that no stage has"
    if find_spec(name) is not None:
        return "wanted a name that no module has"  # its test would import the other one
    return None


STAGE = '''"""How bright each picture is: NAME, a stage of our own."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from models import Labels
from stages import Frame, Options, Stage, StageContext, Wanted


class CLASSOptions(Options):
    """The keys of this stage in the config."""

    least: float = Field(0.0, ge=0, le=1, description="Darker frames go no further.")


class CLASS(Stage):
    """The mean brightness of a frame as the score of one label; silent about a dark frame."""

    Options: ClassVar[type[Options]] = CLASSOptions
    stateless = True  # what it says about a frame does not depend on those before it

    def __init__(self, options: CLASSOptions, context: StageContext) -> None:
        self._least = options.least
        self._wanted = Wanted(64, 64)  # pixels, red, green, blue

    def run(self, frames: Sequence[Frame]) -> Sequence[Labels | None]:
        """One result a frame; None, and nodes behind this one do not see it."""
        return [self._look(frame) for frame in frames]

    def _look(self, frame: Frame) -> Labels | None:
        score = float(frame.picture.pixels(self._wanted).mean()) / 255
        if score < self._least:
            return None
        return Labels(
            scores=np.array([score], np.float32),
            classes=np.array([0], np.int64),
            labels=("bright",),
        )
'''

TEST = '''"""What NAME says about pictures whose brightness is known."""

from datetime import UTC, datetime

import numpy as np
import pytest
from NAME import CLASS, CLASSOptions

from stages import Frame, Picture, StageContext


def frame(grey: int) -> Frame:
    """A frame of one grey level, 0..255."""
    picture = Picture.from_bgr(np.full((48, 64, 3), grey, np.uint8))
    at = datetime(2025, 1, 1, tzinfo=UTC)
    return Frame("a", 0, 0.0, at, arrived=0.0, decoded=0.0, picture=picture)


def test_a_bright_picture_has_a_high_score() -> None:
    stage = CLASS(CLASSOptions(), StageContext("NAME"))
    dark, bright = stage.run([frame(20), frame(240)])
    assert dark is not None
    assert bright is not None
    assert dark.measure("bright") == pytest.approx(20 / 255, abs=0.02)
    assert bright.measure("bright") == pytest.approx(240 / 255, abs=0.02)


def test_a_dark_picture_goes_no_further() -> None:
    stage = CLASS(CLASSOptions(least=0.5), StageContext("NAME"))
    assert stage.run([frame(20)]) == [None]
'''

CONFIG = """# A stage of our own on a test picture: framewire run NAME.yaml --for 2
streams:
  # Any source: a file, rtsp://.., /dev/video0, a folder of pictures.
  camera: { source: testcard, size: 640x360 }
graph:
  # The class in the file beside this one, and its options.
  NAME: { stage: "./NAME.py:CLASS", from: capture, least: 0.05 }
sinks:
  # One line a result.
  lines: { sink: jsonl, path: NAME.jsonl, from: NAME }
"""
