"""Runs cases in a child process, since a reader that fails may take its process with it."""

import logging
import multiprocessing
import resource
import shutil
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from tests.fuzz.damage import damage
from tests.fuzz.subject import Parts, Sample, Subject

MOST_MEMORY = 1 << 30  # bytes that a child may take beyond what it has at the start
LONGEST = 5.0  # seconds a case


@dataclass(frozen=True)
class Outcome:
    """How a case went.

    kind  "read", "refused", or what went wrong
    """

    number: int
    kind: str
    detail: str = ""

    @property
    def failed(self) -> bool:
        return self.kind not in {"read", "refused"}


Outcomes = Iterator[Outcome]


def run(name: str, subject: Subject, seed: int, cases: int, longest: float = LONGEST) -> Outcomes:
    """The outcome of each case, in order; a child that dies costs one case.

    name     of the reader; with the seed it says what is broken, and how
    longest  seconds that a case may take
    """
    samples = subject.samples()
    number = 0
    context = multiprocessing.get_context("fork")
    while number < cases:
        ours, theirs = context.Pipe(duplex=False)
        arguments = (theirs, name, subject, samples, seed, range(number, cases))
        child = context.Process(target=_cases, args=arguments)
        child.start()
        theirs.close()
        while number < cases:
            if not ours.poll(longest):
                yield Outcome(number, "hang", f"more than {longest} s")
                break
            try:
                outcome: Outcome = ours.recv()
            except EOFError:
                child.join()
                yield Outcome(number, "crash", f"exit code {child.exitcode}")
                break
            yield outcome
            number += 1
        number += 1  # the one that the child did not survive
        child.kill()
        child.join()
        ours.close()


def _cases(
    out: Connection, name: str, subject: Subject, samples: list[Sample], seed: int, cases: range
) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = _size("VmSize") + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    warnings.simplefilter("error")
    logging.disable()
    folder = Path(tempfile.mkdtemp())
    try:
        for number in cases:
            files = broken(samples, Random(f"{name} {seed} {number}"))
            out.send(case(subject, files, number, folder))
    finally:
        shutil.rmtree(folder)
        out.close()


def case(subject: Subject, files: Parts, number: int, folder: Path) -> Outcome:
    """Read files, the first of which is the one that names the others."""
    paths = []
    for name, data in files.items():
        paths.append(folder / name)
        paths[-1].write_bytes(data)
    try:
        subject.read(paths[0])
    except subject.refusals as error:
        outcome = Outcome(number, "refused", str(error))
        named = not subject.named or str(error).startswith(f"{paths[0].name}: ")
        if not named or not all(line.isprintable() for line in str(error).split("\n")):
            outcome = Outcome(number, "message", ascii(str(error)))
    except Exception:  # noqa: BLE001 - whatever else it is, it is what this looks for
        outcome = Outcome(number, "error", traceback.format_exc())
    else:
        outcome = Outcome(number, "read")
    for path in paths:
        path.unlink()
    return outcome


def broken(samples: list[Sample], random: Random) -> Parts:
    """The files of one sample, one of whose parts is broken; now and then in two ways."""
    sample = random.choice(samples)
    parts = dict(sample.parts)
    for _ in range(random.choice((1, 1, 1, 2))):
        part = random.choice(list(parts))
        parts[part] = damage(parts[part], random)
    return sample.pack(parts)


def _size(line: str) -> int:
    """A line of this process's status, bytes."""
    for text in Path("/proc/self/status").read_text().splitlines():
        if text.startswith(f"{line}:"):
            return int(text.split()[1]) * 1024
    raise LookupError(line)
