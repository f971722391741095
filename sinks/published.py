"""The schema of results and events for other programs: JSON Schema 2020-12 and AsyncAPI 3.0.

Made from the code that writes the messages, like the tables of `docs/schema.md`.
"""

from typing import Any

import msgspec

from sinks.redis.names import Names
from sinks.schema import KINDS, sample, sample_event
from sinks.wire import SCHEMA, EventMessage, ResultMessage

Json = dict[str, Any]

TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object",
         list: "array"}  # fmt: skip
ABOUT = "What framewire says about frames (results) and about itself (events)."


def json_schema() -> Json:
    """Of both messages: a document is one or the other."""
    made = _components("#/$defs/")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"framewire, schema {SCHEMA}",
        "description": ABOUT,
        "anyOf": [{"$ref": "#/$defs/ResultMessage"}, {"$ref": "#/$defs/EventMessage"}],
        "$defs": made,
    }


def asyncapi(names: Names | None = None) -> Json:
    """Of the channels over which they come from `sink: redis`; the Streams have the same names."""
    names = names or Names()
    told = {
        "result": ("ResultMessage", names.result("{stream}", "{node}"), "What a node says about "
                   "the frames of a stream, over a channel as it comes and in the Stream of that "
                   "name, there as the field `message` beside its `id`."),
        "event": ("EventMessage", names.events, "What happens to the pipeline, over a channel and "
                  "in the Stream of that name."),
    }  # fmt: skip
    channels: Json = {}
    operations: Json = {}
    messages: Json = {}
    for name, (kind, address, description) in told.items():
        channels[name] = {
            "address": address, "description": description,
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        }  # fmt: skip
        operations[f"send_{name}"] = {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
        messages[name] = {
            "name": name, "contentType": "application/json",
            "payload": {"$ref": f"#/components/schemas/{kind}"},
            "examples": [{"payload": _example(kind)}],
        }  # fmt: skip
    channels["result"]["parameters"] = {
        "stream": {"description": "The stream's name in the config."},
        "node": {"description": "The name of the node that gave the result."},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "framewire", "version": str(SCHEMA), "description": ABOUT},
        "defaultContentType": "application/json",
        "servers": {"redis": {"host": "localhost:6379", "protocol": "redis"}},
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": _components("#/components/schemas/")},
    }


def _components(reference: str) -> Json:
    """Both messages and the data of each kind, by name."""
    _, made = msgspec.json.schema_components(
        (ResultMessage, EventMessage), schema_hook=_anything, ref_template=f"{reference}{{name}}"
    )
    made["ResultMessage"]["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": kind}}},
            "then": {"properties": {"data": {"$ref": f"{reference}{kind}"}}},
        }
        for kind in KINDS
    ]
    return {**made, **{kind: _data(kind) for kind in KINDS}}


def _anything(kind: type) -> Json:
    if kind is object:
        return {"description": "Whatever its key holds."}
    raise NotImplementedError(kind)  # as msgspec asks for of a hook that does not know a type


def _data(kind: str) -> Json:
    """Of what `data` holds in that kind of result."""
    example = sample(kind).data
    keys: Json = {}
    for name, text in KINDS[kind].items():
        value = example[name]
        words = ["array" if value is None else TYPES[type(value)]]
        if value is None or "`null`" in text:
            words.append("null")
        keys[name] = {"type": words if len(words) > 1 else words[0], "description": text}
    return {"title": kind, "type": "object", "properties": keys, "required": list(KINDS[kind])}


def _example(kind: str) -> Json:
    message = sample("detections") if kind == "ResultMessage" else sample_event()
    made: Json = msgspec.to_builtins(message)
    return made
