"""`docs/config.md`: every key of a config, made from the same models that read it."""

import json
from collections.abc import Iterator

from pydantic import BaseModel

from pipeline.config.boxes import NodeKeys, SinkKeys, StreamKeys
from pipeline.config.custom import DESCRIPTION, KEY, VARIABLE
from pipeline.config.http import HttpConfig
from pipeline.config.keys import models_in
from pipeline.config.kinds import Kinds, purpose
from pipeline.config.observe import EventsConfig, TracesConfig
from pipeline.config.schema import Schema, properties
from stages.capture.options import CaptureOptions

HEAD = """\
# The config

<!-- Made by `make docs` from the models that read a config: change those, not this page. -->

A config is one YAML file with four parts: `streams`, the cameras; `graph`, the nodes that look at
their frames; `sinks`, where results go; and `http`, the pipeline's own small server. Two more
may be left out: `events`, a file with what happens, and `traces`, the way of single frames.

```yaml
streams:
  lobby: { source: "rtsp://camera-1/main" }
  door:  { source: "rtsp://viewer:${DOOR_PASSWORD}@camera-2/main", priority: 5 }
graph:
  faces: { stage: detect, model: blazeface-short, from: capture, fps: 10 }
sinks:
  redis: { sink: redis, url: "redis://localhost/0", from: faces }
```

- `framewire validate FILE` names every mistake at once: file, line, key, what was wanted, what was
  got. An unknown key is a mistake, and so is a model or a source that is not there.
- `framewire schema > config.schema.json` writes the JSON Schema. With the line
  `# yaml-language-server: $schema=config.schema.json` at its top, an editor completes and checks
  the file.
- **Names** of streams, nodes and sinks are made of `a-z`, `0-9`, `_` and `-`, at most 64 of them:
  they become part of Redis keys and addresses. A node and a sink may not share one, and none of
  them is called `capture`.
- **Paths** start in the folder of the file.
- **Environment**: `${NAME}` in a value is replaced from the environment, `${NAME:-default}` has a
  default, and `$${` stands for `${`. Where `NAME` is not set and `NAME_FILE` is, it is what that
  file holds. What came from the environment is a secret: logs, errors and the API show `${NAME}` in
  its place.
- **YAML** is read as version 1.2 has it: only `true` and `false` are truth, `no`, `on` and `1:30`
  are text. Anchors and merge keys work; parts whose names begin with `x-` are yours to put them in.
"""

FIRST = ("| `source`", "| `stage`", "| `sink`", "| `from`")  # rows that stand above the others

CONDITIONS = """\
## Conditions

`when` holds a small language without any code: `detect.person > 0`,
`faces.count >= 2 and not detect."traffic light"`.

- `node.name` is a number that a node before this one has found in the frame. For boxes, `count` is
  how many there are and a class's name how many of it; for labels, a class's name is its score.
- Comparisons `<` `<=` `>` `>=` `==` `!=`, `and` `or` `not`, `+` `-` `*` `/` and parentheses.
- Everything is a number: what holds is 1, what does not is 0, and whatever is not 0 is true. A node
  that has said nothing about the frame counts as 0, and so does a division by 0.
- Names with blanks, and those that begin with a digit, stand in quotes. A name may hold a `-`, so a
  minus sign wants a blank before it.
"""


def reference(kinds: Kinds) -> str:
    """The page, in Markdown."""
    return "\n".join(_parts(kinds)).rstrip("\n") + "\n"


def _parts(kinds: Kinds) -> Iterator[str]:
    yield HEAD
    yield "## Streams\n"
    yield "Each entry of `streams` is a source alone, as text, or a mapping with these keys.\n"
    yield "A node or a sink has to look at each, else the config is wrong.\n"
    yield _table(CaptureOptions, StreamKeys)
    yield "## Graph\n"
    yield "Each entry of `graph` is a node. Whatever its stage, it knows these keys.\n"
    yield _table(NodeKeys)
    yield CONDITIONS
    yield "## Stages\n"
    yield "What stands behind `stage:`, and the keys that each adds to those of every node.\n"
    for name, stage in kinds.stages.items():
        yield f"### `stage: {name}`\n"
        yield f"{purpose(stage)}\n"
        yield _table(stage.Options)
        if stage.live:
            told = ", ".join(f"`{key}`" for key in stage.Options.model_fields if key in stage.live)
            yield f"While it runs, [a command](redis.md#another-threshold) can change {told}.\n"
    yield "### Stages of your own\n"
    yield "`stage: ./file.py:Class`; see [custom-stage.md](custom-stage.md).\n"
    yield f"`{KEY}`, beside `graph`:"
    yield f"{DESCRIPTION} `{VARIABLE}=off` in the environment forbids all of them.\n"
    yield "## Sinks\n"
    yield "Each entry of `sinks` takes results away. Whatever its kind, it knows these keys.\n"
    yield _table(SinkKeys)
    for name, sink in kinds.sinks.items():
        yield f"### `sink: {name}`\n"
        yield f"{purpose(sink)}\n"
        yield _table(sink.Options)
    yield "## HTTP\n"
    yield "The keys of `http`.\n"
    yield _table(HttpConfig)
    yield "## Events\n"
    yield "The keys of `events`; see [events.md](events.md). Without them no file is written.\n"
    yield _table(EventsConfig)
    yield "## Traces\n"
    yield "The keys of `traces`; see [operations.md](operations.md). Without them none are made.\n"
    yield _table(TracesConfig)


def _table(*models: type[BaseModel]) -> str:
    rows = sorted(
        (row for model in models for row in _rows(model)),
        key=lambda row: not row.startswith(FIRST),
    )
    if not rows:
        return "It has no keys of its own.\n"
    head = ["| key | value | default | what it is |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _rows(model: type[BaseModel], above: str = "") -> Iterator[str]:
    keys, below, required = properties(model)
    for key, schema in keys.items():
        inner = model.model_fields.get(key)
        default = "must be given" if key in required else _default(schema)
        said = str(schema.get("description", "")).replace("|", "\\|").replace("\n", " ")
        yield f"| `{above}{key}` | {_kind(schema, below)} | {default} | {said} |"
        if inner is not None and "mapping" in _kind(schema, below):
            named = "NAME." if {"additionalProperties", "patternProperties"} & set(schema) else ""
            for nested in models_in(inner.annotation):
                yield from _rows(nested, f"{above}{key}.{named}")


def _default(schema: Schema) -> str:
    value = schema.get("default")
    if value is None or value in ({}, []):
        return "-"
    if isinstance(value, dict):
        return "as below"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _kind(schema: Schema, below: dict[str, Schema]) -> str:
    """What a value may be, in words."""
    arms = schema.get("anyOf")
    if isinstance(arms, list):
        return " or ".join(_kind(arm, below) for arm in arms if arm.get("type") != "null")
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _kind(below[reference.rsplit("/", 1)[1]], below)
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    if isinstance(choices, list):
        return ", ".join(f"`{choice}`" for choice in choices)
    words = {"string": "text", "integer": "whole number", "number": "number", "array": "list"}
    words |= {"boolean": "`true`, `false`", "object": "mapping"}
    return words.get(str(schema.get("type")), "any") + _bounds(schema)


def _bounds(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    low = f"from {_number(least)}" if least is not None else ""
    low = f"above {_number(above)}" if above is not None else low
    high = f"to {_number(most)}" if most is not None else ""
    high = f"below {_number(under)}" if under is not None else high
    return "".join(f" {bound}" for bound in (low, high) if bound)


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
