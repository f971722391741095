"""Stages that do not come back: one in a thread, for a while; one in a process, for good."""

from pathlib import Path

from pipeline.config.boxes import NodeConfig
from pipeline.pipeline import Pipeline
from tests.chaos.fault import Finding, Missing, until
from tests.chaos.house import running, seen, total

HUNG = "hung"  # the reason in the ledger
RECOVERY_S = 2.0

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
  count: {{ stage: "{{stages}}:Count", queue: 100 }}
sinks:
  hanging: {{ sink: jsonl, path: hanging.jsonl, from: [thread, process] }}
  others: {{ sink: jsonl, path: others.jsonl, from: count }}
"""


async def stuck(times: float, folder: Path, found: Finding) -> None:
    """Hang again and again, each so many frames after the last time."""
    if "hang_s" not in NodeConfig.model_fields:
        raise Missing("wanted a watchdog (hang_s), got a worker without one")
    text = CONFIG.format(stage=Path(__file__).with_name("stages.py"))
    recoveries: list[float] = []
    async with running(folder, text, found) as pipeline:
        for n in range(round(times)):
            await until(lambda: _hangs(pipeline, "process") > n, "a hang of the process", 600)  # noqa: B023
            recoveries.append(await _next_result(pipeline, "process"))
        await until(lambda: _hangs(pipeline, "thread") >= times, "hangs of the thread", 600)
        await _next_result(pipeline, "thread")
    hangs = {node: _hangs(pipeline, node) for node in ("thread", "process")}
    for node, count in hangs.items():
        failed = total(pipeline, node).failed
        found.say(f"{node}: {count} hangs, {failed.get(HUNG, 0)} frames failed")
        found.want(failed == {HUNG: count}, f"{node}: a frame for each of {count}, got {failed}")
    wanted = {"stage.hung": sum(hangs.values()), "stage.resumed": hangs["thread"]}
    wanted |= dict.fromkeys(("worker.lost", "worker.back"), hangs["process"])
    for name, count in wanted.items():  # one may hang at the end
        got = seen(pipeline, name)
        found.want(got in {count - 1, count}, f"{count} times {name}, got {got}")
    slowest = max(recoveries)
    found.say(f"a result of the next process after {slowest:.2f} s at most")
    found.want_soon(slowest <= RECOVERY_S, f"one within {RECOVERY_S} s, got {slowest:.2f}")
    others = total(pipeline, "count")
    found.say(f"others: {others.done} of {others.entered} done")
    found.want(others.done == others.entered, f"others unharmed, got {others}")


def _hangs(pipeline: Pipeline, node: str) -> int:
    return pipeline.workers[node].hangs


async def _next_result(pipeline: Pipeline, node: str) -> float:
    done = total(pipeline, node).done
    return await until(lambda: total(pipeline, node).done > done, f"a result of {node}")
