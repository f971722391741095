"""Tells Home Assistant what there is, so that it makes entities of it by itself.

MQTT discovery as in its documentation (integrations/mqtt, "MQTT Discovery"): a retained message for
each entity under `{discovery}/{component}/{id}/config`. A stream becomes a device.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from sinks.mqtt.states import REFRESH_S, State
from sinks.mqtt.topics import Topics

MOST = 100  # entities of a node: a model may know thousands of classes
EXPIRES_S = round(3 * REFRESH_S)
"""Without a state for so long, an entity is unavailable: the camera is gone, or its node."""

Entity = dict[str, object]


@dataclass(frozen=True, slots=True)
class Announcement:
    """An entity's config, to be retained."""

    topic: str
    payload: bytes


class Discovery:
    """Announces each entity once, when its first state is there."""

    def __init__(self, prefix: str, topics: Topics, version: str) -> None:
        """`prefix` is Home Assistant's."""
        self._prefix = prefix
        self._topics = topics
        self._version = version
        self._known: dict[tuple[str, str], set[str]] = {}

    def news(self, stream: str, node: str, state: State) -> Iterator[Announcement]:
        """Entities of a state that were not announced before."""
        known = self._known.setdefault((stream, node), set())
        for component, what, entity in _entities(node, state):
            if what in known or len(known) >= MOST:
                continue
            known.add(what)
            yield self._announcement(component, what, stream, node, entity)

    def forget(self) -> None:
        """Who was told has gone: all are announced again."""
        self._known.clear()

    def _announcement(
        self, component: str, what: str, stream: str, node: str, entity: Entity
    ) -> Announcement:
        owner = _plain(self._topics.prefix)
        name = _plain(f"{owner}_{stream}_{node}_{what}")
        config: Entity = {
            "unique_id": name,
            "state_topic": self._topics.state(stream, node),
            "availability_topic": self._topics.status,
            "expire_after": EXPIRES_S,
            "device": {
                "identifiers": [f"{owner}_{stream}"],
                "name": f"{self._topics.prefix} {stream}",
                "manufacturer": "framewire",
                "sw_version": self._version,
            },
            "origin": {"name": "framewire", "sw_version": self._version},
            **entity,
        }
        return Announcement(
            f"{self._prefix}/{component}/{name}/config", msgspec.json.encode(config)
        )


def _entities(node: str, state: State) -> Iterator[tuple[str, str, Entity]]:
    """Component, what it is of the state, and what is its own."""
    if "present" in state:
        yield "binary_sensor", "present", {
            "name": f"{node} present",
            "device_class": "occupancy",
            "value_template": "{{ 'ON' if value_json.present else 'OFF' }}",
        }  # fmt: skip
    for key, unit in (("count", None), ("share", "%"), ("label", None), ("text", None)):
        if key not in state:
            continue
        entity: Entity = {"name": f"{node} {key}", "value_template": f"{{{{ value_json.{key} }}}}"}
        if unit:
            entity["unit_of_measurement"] = unit
            entity["value_template"] = f"{{{{ (value_json.{key} * 100) | round }}}}"
        if key in {"count", "share"}:
            entity["state_class"] = "measurement"
        yield "sensor", key, entity
    yield from _named(node, state, "classes", "measurement")
    yield from _named(node, state, "areas", "measurement")
    yield from _named(node, state, "in", "total_increasing")
    yield from _named(node, state, "out", "total_increasing")
    yield from _named(node, state, "shares", "measurement", "%")


def _named(
    node: str, state: State, key: str, kind: str, unit: str | None = None
) -> Iterator[tuple[str, str, Entity]]:
    """A number for each name under a key, such as the count of a class."""
    names = state.get(key)
    if not isinstance(names, Mapping):
        return
    for name in names:
        value = f"value_json['{key}']['{_quoted(name)}'] | default(0)"
        template = f"({value}) * 100) | round(1)" if unit else value
        template = "(" + template if unit else template
        entity: Entity = {
            "name": f"{node} {name}" + (f" {key}" if key in {"in", "out"} else ""),
            "state_class": kind,
            "value_template": f"{{{{ {template} }}}}",
        }
        if unit:
            entity["unit_of_measurement"] = unit
        yield "sensor", f"{key}_{name}", entity


def _plain(text: str) -> str:
    """As an id of Home Assistant's may be: letters, digits, `_` and `-`."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)


def _quoted(name: str) -> str:
    """Inside single quotes of a template."""
    return name.replace("\\", "\\\\").replace("'", "\\'")
