"""The JSON Schema of a config, for editors: every stage and sink with its own keys."""

from collections.abc import Iterable

from pydantic import BaseModel

from pipeline.config.boxes import NodeKeys, SinkKeys, StreamKeys
from pipeline.config.custom import DESCRIPTION, KEY
from pipeline.config.http import HttpConfig
from pipeline.config.kinds import Kinds, purpose
from pipeline.config.observe import EventsConfig, TracesConfig
from stages.capture.options import CaptureOptions

Schema = dict[str, object]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAME = "^[a-z0-9_-]{1,64}$"
OWN_STAGE = r"\.py:[A-Za-z_][A-Za-z0-9_]*$"


def config_schema(kinds: Kinds) -> Schema:
    """JSON Schema, draft 2020-12, of a whole config.

    An entry of the graph is told apart by its `stage`, one of the sinks by its `sink`.
    """
    defs = _Definitions()
    source = {"type": "string", "minLength": 1, "description": "Its source, and nothing else."}
    stream = defs.add("stream", "A camera, a file, a URL.", StreamKeys, CaptureOptions)
    nodes = [
        defs.add(f"stage-{name}", purpose(kind), NodeKeys, kind.Options, fixed={"stage": name})
        for name, kind in kinds.stages.items()
    ]
    own = defs.add("stage-of-your-own", "A class of yours in a Python file.", NodeKeys, free=True)
    defs.narrow("stage-of-your-own", "stage", {"type": "string", "pattern": OWN_STAGE})
    sinks = [
        defs.add(f"sink-{name}", purpose(kind), SinkKeys, kind.Options, fixed={"sink": name})
        for name, kind in kinds.sinks.items()
    ]
    http = defs.add("http", "The pipeline's own small server.", HttpConfig)
    events = defs.add("events", "A file with every event.", EventsConfig)
    traces = defs.add("traces", "Traces of single frames, over OTLP.", TracesConfig)
    return {
        "$schema": DIALECT,
        "title": "framewire",
        "description": "Cameras in, a graph of vision models in the middle, results out.",
        "type": "object",
        "properties": {
            "streams": {
                **_named("The cameras, by name.", {"anyOf": [source, stream]}),
                "minProperties": 1,
            },
            "graph": _named("The nodes, by name.", {"oneOf": [*nodes, own]}),
            "sinks": _named("Where results go, by name.", {"oneOf": sinks}),
            "http": http,
            "events": events,
            "traces": traces,
            KEY: {
                "description": DESCRIPTION,
                "anyOf": [
                    {"type": "boolean"},
                    {"type": "array", "items": {"type": "string", "minLength": 1}},
                ],
                "default": True,
            },
        },
        "patternProperties": {"^x-": {"description": "Yours, for anchors: not looked at."}},
        "required": ["streams"],
        "additionalProperties": False,
        "$defs": defs.made,
    }


def properties(model: type[BaseModel]) -> tuple[dict[str, Schema], dict[str, Schema], set[str]]:
    """The schema of each key of a model, what they refer to by name, and the keys it must have."""
    whole = model.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    keys: dict[str, Schema] = {
        key: {part: value for part, value in schema.items() if part != "title"}
        for key, schema in whole.get("properties", {}).items()
    }
    return keys, dict(whole.get("$defs", {})), set(whole.get("required", ()))


class _Definitions:
    """The parts of a schema, by name."""

    def __init__(self) -> None:
        self.made: dict[str, Schema] = {}

    def add(
        self,
        name: str,
        description: str,
        *models: type[BaseModel],
        fixed: dict[str, str] | None = None,
        free: bool = False,
    ) -> Schema:
        """Add an object with the keys of all `models`, and give a reference to it.

        fixed  keys that have one value
        free   it may have other keys too
        """
        keys: dict[str, Schema] = {}
        required: set[str] = set()
        for model in models:
            own, below, needed = properties(model)
            keys |= own
            required |= needed
            self.made |= below
        for key, value in (fixed or {}).items():
            keys[key] = {"const": value, "description": description}
        self.made[name] = {
            "type": "object",
            "description": description,
            "properties": keys,
            "required": _in_order(keys, required),
            "additionalProperties": free,
        }
        return {"$ref": f"#/$defs/{name}"}

    def narrow(self, name: str, key: str, schema: Schema) -> None:
        """Put another schema in the place of a key's."""
        keys = self.made[name]["properties"]
        if isinstance(keys, dict):
            keys[key] = {**keys[key], **schema}


def _named(description: str, entry: Schema) -> Schema:
    return {
        "type": "object",
        "description": description,
        "propertyNames": {"pattern": NAME},
        "additionalProperties": entry,
    }


def _in_order(keys: Iterable[str], wanted: set[str]) -> list[str]:
    return [key for key in keys if key in wanted]
