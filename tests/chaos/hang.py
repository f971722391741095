"""Stages that do not come back: one in a thread, for a while; one in a process, for good."""

from pathlib import Path

from pipeline.config.boxes import NodeConfig
from pipeline.pipeline import Pipeline
from tests.chaos.fault import Finding, Missing, until
from tests.chaos.house import names, running, told, total

HUNG = "hung"  # the reason in the ledger
RECOVERY_S = 2.0
FPS = 25

CONFIG = """
streams: {{ a: {{ source: testcard, size: 320x240 }} }}
graph:
  thread: {{ stage: "{stage}:Hangs", seconds: 1.5, hang_s: 0.5, policy: drop_oldest }}
  process:
    stage: "{stage}:Hangs"
    seconds: 3600
    hang_s: 0.5
    policy: drop_oldest
    isolation: process
  count: {{ stage: "{{stages}}:Count" }}
sinks:
  hanging: {{ sink: jsonl, path: hanging.jsonl, from: [thread, process] }}
  others: {{ sink: jsonl, path: others.jsonl, from: count }}
"""


async def stuck(times: float, folder: Path, found: Finding) -> None:
    """Hang again and again, each so many frames after the last time."""
    if "hang_s" not in NodeConfig.model_fields:
        raise Missing("wanted a watchdog (hang_s), got a worker without one")
    text = CONFIG.format(stage=Path(__file__).with_name("stages.py"))
    async with running(folder, text, found) as pipeline:
        await until(lambda: _hangs(pipeline, "process") >= times, "hangs of the process", 600)
        await until(lambda: _hangs(pipeline, "thread") >= times, "hangs of the thread", 600)
        for node in ("thread", "process"):
            done = total(pipeline, node).done
            await until(lambda: total(pipeline, node).done > done, f"{node} at work again")  # noqa: B023
    for node, after in (("thread", ["stage.resumed"]), ("process", ["worker.lost", "worker.back"])):
        balance, events = total(pipeline, node), names(pipeline, node)
        hangs = events.count("stage.hung")
        found.say(f"{node}: {hangs} hangs, {balance.failed.get(HUNG, 0)} frames failed")
        found.want(balance.failed == {HUNG: hangs}, f"{node}: a frame for each, got {balance}")
        for name in after:
            found.want(events.count(name) in {hangs, hangs - 1}, f"{node}: {name}, got {events}")
    backs = _back(pipeline)
    found.say(f"the process replaced after {max(backs):.2f} s at most")
    found.want(max(backs) <= RECOVERY_S, f"replaced within {RECOVERY_S} s, got {max(backs):.2f}")
    count = total(pipeline, "count")
    found.say(f"others: {count.done} of {count.entered} done")
    found.want(count.done == count.entered, f"others unharmed, got {count}")


def _hangs(pipeline: Pipeline, node: str) -> int:
    return names(pipeline, node).count("stage.hung")


def _back(pipeline: Pipeline) -> list[float]:
    """Seconds from each hang of the process to the next that was started."""
    seconds, since = [], None
    for event in told(pipeline, "process"):
        if event.name == "stage.hung":
            since = event.at
        elif event.name == "worker.back" and since is not None:
            seconds.append((event.at - since).total_seconds())
    return seconds
