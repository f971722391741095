"""The JSON Schema, the page made of it, and the examples."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipeline.config import installed_parts, load_config
from pipeline.config.boxes import NodeKeys, SinkKeys, StreamKeys
from pipeline.config.keys import keys_of
from pipeline.config.kinds import Kinds, installed_kinds, own_kinds
from pipeline.config.reference import reference
from pipeline.config.schema import config_schema
from stages.capture.options import CaptureOptions
from tests.config.parts import Look, Post

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
KINDS = Kinds({"look": Look}, {"post": Post})


def _parts(schema: object) -> Iterator[dict[str, object]]:
    if isinstance(schema, dict):
        yield schema
        for inner in schema.values():
            yield from _parts(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _parts(inner)


def _look(schema: object, *steps: str) -> object:
    for step in steps:
        assert isinstance(schema, dict)
        schema = schema[step]
    return schema


def test_a_node_is_told_apart_by_its_stage_and_has_the_keys_of_both() -> None:
    schema = config_schema(KINDS)
    assert _look(schema, "properties", "graph", "additionalProperties", "oneOf") == [
        {"$ref": "#/$defs/stage-look"},
        {"$ref": "#/$defs/stage-of-your-own"},
    ]
    node = _look(schema, "$defs", "stage-look")
    assert _look(node, "properties", "stage") == {
        "const": "look",
        "description": "Look at pictures.",
    }
    keys = _look(node, "properties")
    assert isinstance(keys, dict)
    assert {"stage", "from", "when", "batch", "model", "score", "classes"} <= keys.keys()
    assert "inputs" not in keys
    assert _look(node, "required") == ["stage"]
    assert _look(node, "additionalProperties") is False


def test_a_sink_must_have_an_input_and_a_stream_may_be_text() -> None:
    schema = config_schema(KINDS)
    assert _look(schema, "$defs", "sink-post", "required") == ["sink", "from"]
    stream = _look(schema, "properties", "streams", "additionalProperties", "anyOf")
    assert isinstance(stream, list)
    assert stream[0]["type"] == "string"
    assert stream[1] == {"$ref": "#/$defs/stream"}


@pytest.mark.parametrize("kinds", [KINDS, installed_kinds()], ids=["of a test", "installed"])
def test_every_reference_leads_somewhere_and_every_key_is_described(kinds: Kinds) -> None:
    schema = config_schema(kinds)
    json.dumps(schema)
    defs = _look(schema, "$defs")
    assert isinstance(defs, dict)
    for part in _parts(schema):
        to = part.get("$ref")
        if isinstance(to, str):
            assert to.removeprefix("#/$defs/") in defs
        pattern = part.get("pattern")
        if isinstance(pattern, str):
            re.compile(pattern)
    for name, part in defs.items():
        for key, value in part.get("properties", {}).items():
            assert value.get("description") or "$ref" in value, f"{name}.{key} has no description"


def test_no_option_of_a_part_has_the_name_of_a_common_key() -> None:
    kinds = installed_kinds()
    shared, shared_of_sinks = keys_of(NodeKeys).keys(), keys_of(SinkKeys).keys()
    for name, stage in kinds.stages.items():
        assert not shared & keys_of(stage.Options).keys(), name
    for name, sink in kinds.sinks.items():
        assert not shared_of_sinks & keys_of(sink.Options).keys(), name
    assert not keys_of(StreamKeys).keys() & keys_of(CaptureOptions).keys()


def test_the_reference_is_the_one_that_the_models_make() -> None:
    written = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    assert written == reference(own_kinds()), "docs/config.md is out of date: make docs"


def test_the_reference_names_every_key() -> None:
    page = reference(KINDS)
    for key in ("`source`", "`batch.wait_ms`", "`score`", "`tags`", "`listen`", "### `sink: post`"):
        assert key in page


ENVIRON = {
    "NVR": "rtsp://recorder",
    "SOURCE": "/dev/video0",
    "LEFT": "rtsp://left",
    "RIGHT": "rtsp://right",
    "CAMERA_1": "rtsp://viewer:geheim@camera-1/main",
    "CAMERA_2": "rtsp://camera-2/main",
    "WEBHOOK_SECRET": "a secret of some length",
    "MQTT_PASSWORD": "geheim",
    "SERVER": "rtmp://user:geheim@server/live",
}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_an_example_can_be_read(path: Path) -> None:
    config = load_config(path, ENVIRON, parts=installed_parts(ready=False))
    assert config.streams
    assert config.sinks


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_an_example_explains_every_key_that_it_shows(path: Path) -> None:
    """A comment stands above each key, once, wherever the key comes first."""
    seen = {"<<"}
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        match = re.match(r"\s{4,}([a-z_<]+): ", line)
        if match and match[1] not in seen:
            seen.add(match[1])
            above = "".join(lines[max(0, number - 4) : number])
            known = match[1] in {"sink", "from", "stage", "model"}
            assert "#" in above or known, f"{path.name}:{number + 1}: {match[1]}"


def test_the_example_in_the_reference_is_yaml() -> None:
    text = reference(KINDS).split("```yaml\n", 1)[1].split("```", 1)[0]
    assert set(yaml.safe_load(text)) == {"streams", "graph", "sinks"}
