"""The fuzzer itself: what it calls a failure."""

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

from models import BadWeights
from tests.fuzz.child import broken, run
from tests.fuzz.door import Refusal
from tests.fuzz.subject import Sample, Subject
from tests.fuzz.subjects import SUBJECTS


def kinds(read: Callable[[Path], None], longest: float = 60.0) -> list[str]:
    subject = Subject(read, lambda: [Sample({"a": b"0123456789"})])
    return [outcome.kind for outcome in run("test", subject, 0, 3, longest)]


def refuse(path: Path) -> None:
    raise BadWeights(f"{path.name}: something: wanted this, got that")


def refuse_without_a_name(path: Path) -> None:
    raise BadWeights("something: wanted this, got that")


def fail(path: Path) -> None:
    raise ValueError("not one of ours")


def loop(path: Path) -> None:
    while True:
        pass


def die(path: Path) -> None:
    os._exit(3)


def take_too_much(path: Path) -> None:
    np.ones(3 << 30, np.uint8)


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (lambda path: None, "read"),
        (refuse, "refused"),
        (refuse_without_a_name, "message"),
        (fail, "error"),
        (die, "crash"),
        (take_too_much, "error"),
    ],
)
def test_each_case_has_an_outcome(read: Callable[[Path], None], kind: str) -> None:
    assert kinds(read) == [kind] * 3


def test_a_reader_that_never_comes_back_is_stopped() -> None:
    assert kinds(loop, longest=0.2) == ["hang"] * 3


@pytest.mark.parametrize("reader", SUBJECTS)
def test_samples_are_valid_before_they_are_broken(reader: str, tmp_path: Path) -> None:
    for sample in SUBJECTS[reader].samples():
        files = sample.pack(sample.parts)
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        try:
            SUBJECTS[reader].read(tmp_path / next(iter(files)))
        except Refusal as error:  # of a request for what is not there, or by somebody who is not
            assert str(error) in {"400", "401", "404", "503"}  # noqa: PT017 - it need not come


def test_a_seed_breaks_files_in_the_same_way_again() -> None:
    samples = SUBJECTS["torch7"].samples()
    assert broken(samples, Random("7")) == broken(samples, Random("7"))


@pytest.mark.parametrize("reader", SUBJECTS)
def test_readers_refuse_or_read(reader: str) -> None:
    failed = [outcome for outcome in run(reader, SUBJECTS[reader], 0, 50, 60.0) if outcome.failed]
    assert failed == []
