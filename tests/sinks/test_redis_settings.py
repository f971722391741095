"""Options of running nodes, changed over Redis."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from pipeline.config import load_config
from pipeline.isolation import IsolatedStage
from pipeline.pipeline import Pipeline
from sinks.embedded_redis import EmbeddedRedis
from sinks.record.verify import verify
from sinks.redis.orders import Answer, Order, sealed, setting, sign
from sinks.sink import Setting
from sinks.wire import decode_event, decode_result
from stages.builtin import STAGES
from stages.stage import Stage
from tests.pipeline.running import written
from tests.sinks.redis_parts import kept, subscribed, until

SECRET = "a secret of twenty signs"
CHANNEL = "framewire:control"
GRAPH = """
    find: { stage: "{stages}:Scored" }
    """


@dataclass
class Asked:
    """A pipeline that runs, and somebody who gives it commands.

    config  its file
    """

    pipeline: Pipeline
    config: Path
    client: Redis
    answers: PubSub

    async def answer(self, order: Order, secret: str = SECRET) -> Answer:
        """What becomes of a command."""
        async with asyncio.timeout(20):
            while not await self.client.publish(CHANNEL, sealed(secret, CHANNEL, order)):
                pass  # nobody listens yet
            async for message in self.answers.listen():
                if message["type"] != "pmessage":
                    continue
                answer = msgspec.json.decode(message["data"], type=Answer)
                if answer.id == order.id:
                    return answer
        raise AssertionError("no answer")

    async def set(self, option: str, value: Setting, node: str = "find") -> Answer:
        return await self.answer(setting(node, option, value, by="anna"))

    async def until(self, holds: Callable[[float], bool], node: str = "find") -> None:
        """Wait for a result of a node whose one thing has such a score."""
        async with asyncio.timeout(20):
            while True:
                for data in await kept(self.client, f"framewire:a:{node}"):
                    if holds(round(decode_result(data).data["scores"][0], 3)):
                        return

    async def events(self, count: int) -> list[dict[str, object]]:
        """The first `count` of `setting.changed`, each with the node that it is about."""
        async with asyncio.timeout(20):
            while True:
                all_of_them = map(decode_event, await kept(self.client, "framewire:events"))
                mine = [one for one in all_of_them if one.name == "setting.changed"]
                if len(mine) >= count:
                    return [{"node": one.about, **one.detail} for one in mine]


@asynccontextmanager
async def asked(
    folder: Path, server: EmbeddedRedis, client: Redis, graph: str = GRAPH, *,
    inputs: str = "[find]", more: str = "",
) -> AsyncIterator[Asked]:  # fmt: skip
    """Run a graph over two streams, `a` and `b`, until the test is over."""
    config = written(
        folder,
        f"""
streams:
  a: {{ source: testcard, size: 128x64, fps: 25 }}
  b: {{ source: testcard, size: 128x64, fps: 25 }}
graph: {graph}
sinks:
  redis:
    {{ sink: redis, url: "{server.url}", from: {inputs}, control_secret: {SECRET}, spool_mb: 0,
       stream_length: 50 {more} }}
  out: {{ sink: "null", from: capture }}
http: {{ listen: null }}
events: {{ path: events.jsonl }}
""",
    )
    async with Pipeline(load_config(config)) as pipeline:
        running = asyncio.create_task(pipeline.run())
        answers = await subscribed(client, "framewire:answers")
        try:
            yield Asked(pipeline, config, client, answers)
        finally:
            pipeline.stop()
            await running
            await answers.aclose()


async def test_a_threshold_is_set_answered_and_told(
    tmp_path: Path, server: EmbeddedRedis, client: Redis
) -> None:
    async with asked(tmp_path, server, client) as it:
        before = it.config.read_bytes()
        await it.until(lambda score: score == 0.5)
        answer = await it.set("score", 0.25)
        assert (answer.obeyed, answer.before, answer.after) == (True, 0.5, 0.25)
        await it.until(lambda score: score == 0.25)
        again = await it.set("score", 0.25)
        assert (again.obeyed, again.before, again.after) == (True, 0.25, 0.25)
        whole = await it.set("scores", {"person": 1})
        assert (whole.before, whole.after) == ({}, {"person": 1})
        one, other = await it.events(2)  # the second changed nothing
        told = {"option": "score", "before": 0.5, "after": 0.25}
        assert one == {"node": "find", **told, "sink": "redis", "command": answer.id, "by": "anna"}
        assert (other["before"], other["after"]) == ("{}", '{"person": 1.0}')
        assert it.config.read_bytes() == before
    logged = map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())
    changed = [line["detail"]["after"] for line in logged if line["name"] == "setting.changed"]
    assert changed == [0.25, '{"person": 1.0}']


async def test_a_built_in_gate_opens_when_it_is_told_to(
    tmp_path: Path, server: EmbeddedRedis, client: Redis
) -> None:
    graph = """
    motion: { stage: motion, threshold: 1, delta: 255, hold_s: 0 }
    find: { stage: "{stages}:Scored", from: motion, batch: { max: 4 } }
    """
    async with asked(tmp_path, server, client, graph) as it:
        await it.until(lambda score: score == 0.5)  # the first picture goes through
        assert (await it.set("delta", 1, node="motion")).after == 1
        assert (await it.set("threshold", 0, node="motion")).before == 1
        assert (await it.set("score", 0.75)).obeyed
        await it.until(lambda score: score == 0.75)


REFUSED: list[tuple[str, str, Setting, str]] = [
    ("fnid", "score", 0.4, "no node is called 'fnid'; did you mean find?"),
    ("", "score", 0.4, "no node is called ''; there is find"),
    ("find", "scoer", 0.4, "graph.find: unknown key 'scoer'; did you mean score or scores?"),
    ("find", "label", "x", "graph.find.label: wanted an option that can change while it runs, "
     "of score, scores, got 'label'"),
    ("find", "score", 1.5, "graph.find.score: wanted a number less than or equal to 1, got 1.5"),
    ("find", "score", "high", "graph.find.score: wanted a number, got 'high'"),
    ("find", "score", None, "graph.find.score: wanted a number, got nothing"),
    ("find", "scores", {"person": 2.0},
     "graph.find.scores.person: wanted a number less than or equal to 1, got 2.0"),
    ("find", "score", 1, "graph.find.score: score: wanted some doubt, got 1"),
]  # fmt: skip


async def test_what_cannot_be_is_refused_and_changes_nothing(
    tmp_path: Path, server: EmbeddedRedis, client: Redis
) -> None:
    async with asked(tmp_path, server, client) as it:
        for node, option, value, why in REFUSED:
            answer = await it.set(option, value, node)
            assert (answer.obeyed, answer.why) == (False, why)
        assert (await it.set("score", 0.25)).before == 0.5
        (only,) = await it.events(1)
        assert only["after"] == 0.25


async def test_what_a_stage_refuses_in_a_process_of_its_own_changes_nothing(
    tmp_path: Path, server: EmbeddedRedis, client: Redis
) -> None:
    graph = """
    find: { stage: "{stages}:Scored", isolation: process }
    """
    async with asked(tmp_path, server, client, graph) as it:
        answer = await it.set("score", 1)
        assert "BadOptions: score: wanted some doubt, got 1" in str(answer.why)
        assert (await it.set("score", 0.25)).before == 0.5
        await it.until(lambda score: score == 0.25)


async def test_a_process_that_takes_the_place_of_one_that_was_killed_has_the_changed_value(
    tmp_path: Path, server: EmbeddedRedis, client: Redis
) -> None:
    graph = """
    find: { stage: "{stages}:Scored", isolation: process, parallel: 2 }
    """
    async with asked(tmp_path, server, client, graph) as it:
        await it.until(lambda score: score == 0.5)
        assert (await it.set("score", 0.25)).after == 0.25
        await it.until(lambda score: score == 0.25)
        stage = it.pipeline.parts.stages["find"]
        assert isinstance(stage, IsolatedStage)
        os.kill(stage.pid, signal.SIGKILL)
        counts = it.pipeline.bulletin.counts
        await until(lambda: bool(counts["worker.back"]) and stage.ready)
        await client.delete("framewire:a:find")
        await it.until(lambda _: True)
        found = [decode_result(data) for data in await kept(client, "framewire:a:find")]
        assert {one.data["scores"][0] for one in found} == {0.25}


HIDING = """
    find: { stage: "{stages}:Whole" }
    scored: { stage: "{stages}:Scored", from: find }
    hide: { stage: privacy, from: scored }
    after: { stage: "{stages}:Scored", from: hide }
    """


async def test_no_command_changes_what_is_hidden(
    tmp_path: Path, server: EmbeddedRedis, client: Redis
) -> None:
    async with asked(tmp_path, server, client, HIDING, inputs="[after]") as it:
        for node, option, got in (
            ("scored", "score", "one before hide"),
            ("find", "score", "one before hide"),
            ("hide", "margin", "one itself"),
        ):
            answer = await it.set(option, 0.9, node)
            assert not answer.obeyed
            assert f"wanted a node on which no privacy node depends, got {got}" in str(answer.why)
        assert (await it.set("score", 0.25, "after")).obeyed


async def test_a_command_is_for_nodes_whose_streams_the_sink_has(
    tmp_path: Path, server: EmbeddedRedis, client: Redis
) -> None:
    async with asked(tmp_path, server, client, more=", streams: [a]") as it:
        answer = await it.set("score", 0.25)
        assert not answer.obeyed
        assert "wanted a node of the streams of redis alone, got one that looks at b" in str(
            answer.why
        )


async def test_every_command_is_answered_if_it_is_signed(
    tmp_path: Path, server: EmbeddedRedis, client: Redis
) -> None:
    async with asked(tmp_path, server, client) as it:
        other = "another secret, as long"
        await it.set("score", 0.25)
        await client.publish(CHANNEL, sealed(other, CHANNEL, setting("find", "score", 0.9)))
        await client.publish(CHANNEL, sign(SECRET, CHANNEL, "snapshot", "a"))
        message = await anext(it.answers.listen())
        answer = msgspec.json.decode(message["data"], type=Answer)
        assert (answer.command, answer.obeyed) == ("snapshot", False)
        assert answer.why == "snapshot: wanted a thumbnail_width in the config"
        wrong = setting("find", "score", 0.9)
        answer = await it.answer(msgspec.structs.replace(wrong, stream="a"))
        assert "set: wanted no stream" in str(answer.why)
        assert (await it.set("score", 0.75)).before == 0.25


async def test_recordings_prove_with_which_thresholds_they_were_made(
    tmp_path: Path, server: EmbeddedRedis, client: Redis
) -> None:
    more = f"""}}
  record: {{ sink: record, path: "{tmp_path}/kept", least_free_mb: 0, from: [capture, find],
             evidence: true, key: "{tmp_path}/key" """
    async with asked(tmp_path, server, client, more=more) as it:
        assert (await it.set("score", 0.25)).obeyed
    ((key, _, before, after, by),) = verify(tmp_path / "kept").settings
    assert (key, before, after, by) == ("find.score", "0.5", "0.25", "anna")


def test_what_can_change_is_an_option_and_nothing_that_hides() -> None:
    for name, stage in STAGES.items():
        assert stage.live <= set(stage.Options.model_fields), name
        assert not stage.live or stage.retune is not Stage.retune, name
    assert not STAGES["privacy"].live
