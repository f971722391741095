"""The schema as other programs read it."""

import json
from collections.abc import Iterator

import msgspec
import pytest

from sinks.published import asyncapi, json_schema
from sinks.redis.names import Names
from sinks.schema import KINDS, sample, sample_event


def references(document: object) -> Iterator[str]:
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(document, list):
        for one in document:
            yield from references(one)


@pytest.mark.parametrize("document", [json_schema(), asyncapi()], ids=["json_schema", "asyncapi"])
def test_every_reference_leads_somewhere(document: dict[str, object]) -> None:
    found = set(references(json.loads(json.dumps(document))))
    assert found
    for reference in found:
        place: object = document
        for step in reference.removeprefix("#/").split("/"):
            assert isinstance(place, dict), reference
            place = place[step]


def test_the_schema_names_every_field_and_every_kind() -> None:
    made = json_schema()["$defs"]
    for kind in KINDS:
        message = msgspec.to_builtins(sample(kind))
        assert set(message) == set(made["ResultMessage"]["properties"])
        assert set(message["data"]) == set(made[kind]["properties"])
    assert set(msgspec.to_builtins(sample_event())) == set(made["EventMessage"]["properties"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_examples_keep_to_the_schema(kind: str) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="needs the package jsonschema")
    checker = jsonschema.Draft202012Validator(json_schema())
    checker.validate(msgspec.to_builtins(sample(kind)))
    broken = msgspec.to_builtins(sample(kind)) | {"data": {}}
    assert not checker.is_valid(broken)


def test_asyncapi_tells_the_channels_as_they_are_named() -> None:
    channels = asyncapi(Names("site", cluster=True))["channels"]
    assert channels["result"]["address"] == "site:{{stream}}:{node}"
    assert channels["event"]["address"] == "site:events"
    assert asyncapi()["channels"]["result"]["address"] == "framewire:{stream}:{node}"
