"""The file of events: whole lines, rotated, without secrets, readable after a crash."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config import ConfigError, load_config
from pipeline.event_log import EventLog
from sinks.wire import decode_event
from stages.events import Event
from tests.pipeline import stages
from tests.pipeline.running import run

LIMIT = 30.0  # seconds

CONFIG = f"""
streams: {{ a: {{ source: testcard, size: 128x64 }} }}
graph: {{ bad: {{ stage: "{stages.__file__}:Fail", errors_max: 2 }} }}
sinks: {{ "null": {{ sink: "null", from: bad }} }}
events: {{ path: made/events.jsonl }}
"""

SECRET = """
streams: { a: { source: testcard, size: 128x64 } }
sinks:
  hook: { sink: webhook, url: "http://127.0.0.1:9/services/${HOOK}", spool_mb: 0, from: capture }
events: { path: events.jsonl }
"""


def log(path: Path, most: int = 10_000_000, keep: int = 5) -> EventLog:
    return EventLog(path, most, keep)


def numbers(path: Path) -> list[int]:
    """The numbers of the events in a file, of which each line must be whole."""
    return [int(decode_event(line).detail["n"] or 0) for line in path.read_bytes().splitlines()]


async def test_a_run_leaves_its_events_in_the_file(tmp_path: Path) -> None:
    done = await run(tmp_path, CONFIG, seconds=1)
    lines = (tmp_path / "made" / "events.jsonl").read_bytes().splitlines()
    told = [decode_event(line) for line in lines]
    assert [event.name for event in told] == [event.name for event in done.bulletin.recent]
    removed = next(event for event in told if event.name == "stage.removed")
    assert removed.about == "bad"
    assert removed.detail["failures"] == 2


def test_a_file_that_is_full_gives_way_and_so_many_older_ones_stay(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writing = log(path, most=1000, keep=2)
    for n in range(40):
        writing.hear(Event("test.told", "a", {"n": n}))
    writing.close(LIMIT)
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "events.jsonl", "events.jsonl.1", "events.jsonl.2",
    ]  # fmt: skip
    kept = [n for name in (".2", ".1", "") for n in numbers(tmp_path / f"events.jsonl{name}")]
    assert kept == list(range(kept[0], 40))
    assert all(one.stat().st_size <= 1000 for one in tmp_path.iterdir())
    assert writing.lost == 0


def test_without_older_files_only_the_newest_is_there(tmp_path: Path) -> None:
    writing = log(tmp_path / "events.jsonl", most=300, keep=0)
    for n in range(9):
        writing.hear(Event("test.told", "a", {"n": n}))
    writing.close(LIMIT)
    assert [one.name for one in tmp_path.iterdir()] == ["events.jsonl"]
    assert numbers(tmp_path / "events.jsonl")[-1] == 8


async def test_what_is_secret_is_told_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As Slack's addresses are: whoever has them may write. Nobody listens at this one.
    monkeypatch.setenv("HOOK", "T000/B000/hunter2hunter2")
    done = await run(tmp_path, SECRET, seconds=1)
    lost = next(event for event in done.bulletin.recent if event.name == "sink.lost")
    assert str(lost.detail["error"]).startswith("SinkLost: http://127.0.0.1:9/services/${HOOK} ")
    assert "sink.lost" in (tmp_path / "events.jsonl").read_text()
    assert "hunter2" not in (tmp_path / "events.jsonl").read_text()


def test_an_event_that_the_disk_does_not_take_is_counted() -> None:
    writing = log(Path("/dev/full"))
    for n in range(3):
        writing.hear(Event("test.told", "a", {"n": n}))
    writing.close(LIMIT)
    assert writing.lost == 3


def test_after_kill_9_every_line_is_whole_and_the_next_run_goes_on_behind_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "events.jsonl"
    told = "from pathlib import Path; from tests.observe.test_event_log import flood; "
    child = subprocess.Popen(
        [sys.executable, "-c", f"{told}flood(Path({str(path)!r}))"],
        cwd=Path(__file__).parents[2], stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    child.stdout.read(1)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    with path.open("ab") as file:
        file.write(b'{"schema":1,"na')  # what a machine that lost its power may leave
    writing = log(path)
    writing.hear(Event("test.told", "a", {"n": -1}))
    writing.close(LIMIT)
    *before, half, last = path.read_bytes().splitlines()
    assert half == b'{"schema":1,"na'
    assert [decode_event(line).detail["n"] for line in before] == list(range(len(before)))
    assert decode_event(last).detail["n"] == -1


def flood(path: Path) -> None:
    """Write events for ever; the child of a test."""
    writing, n = log(path), 0
    while True:
        lost = writing.lost
        writing.hear(Event("test.told", "a", {"n": n}))
        n += writing.lost == lost
        if n == 1000:
            sys.stdout.write("x")
            sys.stdout.flush()


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ("{}", "wanted the key 'path'"),
        ("{ path: a, rotate: 3 }", "unknown key 'rotate'"),
        ("{ path: a, max_mb: 0 }", "events.max_mb"),
    ],
)
def test_a_mistake_in_its_keys_is_told(tmp_path: Path, events: str, said: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.replace("{ path: made/events.jsonl }", events))
    with pytest.raises(ConfigError, match=said):
        load_config(path)
