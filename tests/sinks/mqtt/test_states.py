"""What is told of a result, and when."""

import json
from typing import Any

import numpy as np
import pytest

from models.results import Caption, Motion, Result, Segmentation, Veil, Zones
from sinks.mqtt.discovery import MOST, Announcement, Discovery
from sinks.mqtt.states import REFRESH_S, States, summary
from sinks.mqtt.topics import Topics
from tests.factory import detections, nothing, top_labels


def zones() -> Zones:
    return Zones(
        areas=("door",), counts=np.array([2], np.int64),
        lines=("road",), crossed=np.array([[5, 3]], np.int64),
        polygons=(np.zeros((3, 2), np.float32),), segments=np.zeros((1, 2, 2), np.float32),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("result", "state"),
    [
        (
            detections((0, 0, 1, 1), (0, 0, 1, 1), classes=(0, 2)),
            {"count": 2, "present": True, "classes": {"person": 1, "car": 1}},
        ),
        (nothing(), {"count": 0, "present": False, "classes": {}}),
        (zones(), {"areas": {"door": 2}, "in": {"road": 5}, "out": {"road": 3}}),
        (top_labels({"cat": 0.751, "dog": 0.2}), {"label": "cat", "score": 0.75}),
        (Caption("a dog", 0.5, ()), {"text": "a dog"}),
        (Motion(0.0625), {"share": 0.06}),
        (
            Segmentation(np.array([[0, 1], [1, 1]], np.uint8), ("nothing", "road", "car")),
            {"shares": {"nothing": 0.25, "road": 0.75}},
        ),
        (Veil(np.zeros((0, 4), np.float32)), None),
    ],
)
def test_a_result_is_summed_up(result: Result, state: dict[str, object] | None) -> None:
    assert summary(result) == state


def payloads(states: States, now: float) -> list[bytes]:
    return [payload for _, _, payload in states.news(now)]


def test_a_state_is_told_when_it_changes() -> None:
    states = States()
    states.note("a", "detect", nothing())
    states.note("a", "detect", detections())
    assert len(payloads(states, 0)) == 1
    states.note("a", "detect", detections())
    assert not payloads(states, 1)
    states.note("a", "detect", nothing())
    assert len(payloads(states, 2)) == 1


def test_one_that_stays_is_told_again_while_results_come() -> None:
    states = States()
    for now, told in ((0.0, 1), (REFRESH_S - 1, 0), (REFRESH_S, 1), (REFRESH_S + 1, 0)):
        states.note("a", "detect", detections())
        assert len(payloads(states, now)) == told
    assert not payloads(states, 99 * REFRESH_S)  # no result: its camera may be gone


def test_who_was_gone_is_told_all() -> None:
    states = States()
    states.note("a", "detect", detections())
    states.note("b", "detect", nothing())
    assert len(payloads(states, 0)) == 2
    states.forget()
    states.note("b", "detect", detections())
    assert len(payloads(states, 1)) == 2


def announced(discovery: Discovery, result: Result) -> dict[str, dict[str, Any]]:
    state = summary(result)
    assert state is not None
    told: list[Announcement] = list(discovery.news("lobby", "find", state))
    return {one.topic: json.loads(one.payload) for one in told}


def test_things_become_a_count_a_presence_and_a_count_of_each_class() -> None:
    discovery = Discovery("homeassistant", Topics("framewire"), "1.0")
    found = announced(discovery, detections(labels=("traffic light",)))
    assert list(found) == [
        "homeassistant/binary_sensor/framewire_lobby_find_present/config",
        "homeassistant/sensor/framewire_lobby_find_count/config",
        "homeassistant/sensor/framewire_lobby_find_classes_traffic_light/config",
    ]
    present, count, light = found.values()
    assert present["device_class"] == "occupancy"
    assert count == {
        "unique_id": "framewire_lobby_find_count",
        "name": "find count",
        "state_topic": "framewire/state/lobby/find",
        "value_template": "{{ value_json.count }}",
        "state_class": "measurement",
        "availability_topic": "framewire/status",
        "expire_after": 60,
        "device": {
            "identifiers": ["framewire_lobby"],
            "name": "framewire lobby",
            "manufacturer": "framewire",
            "sw_version": "1.0",
        },
        "origin": {"name": "framewire", "sw_version": "1.0"},
    }
    assert light["value_template"] == "{{ value_json['classes']['traffic light'] | default(0) }}"


def test_each_is_announced_once_and_again_to_who_was_gone() -> None:
    discovery = Discovery("homeassistant", Topics("framewire"), "1.0")
    assert len(announced(discovery, detections())) == 3
    assert not announced(discovery, detections())
    assert len(announced(discovery, detections(classes=(2,)))) == 1
    discovery.forget()
    assert len(announced(discovery, detections())) == 3


def test_zones_become_counts() -> None:
    found = announced(Discovery("ha", Topics("site/north"), "1.0"), zones())
    assert list(found) == [
        "ha/sensor/site_north_lobby_find_areas_door/config",
        "ha/sensor/site_north_lobby_find_in_road/config",
        "ha/sensor/site_north_lobby_find_out_road/config",
    ]
    assert found["ha/sensor/site_north_lobby_find_in_road/config"]["state_class"] == (
        "total_increasing"
    )


def test_a_model_of_a_thousand_classes_does_not_flood_it() -> None:
    labels = tuple(f"class {n}" for n in range(1000))
    many = detections(*[(0, 0, 1, 1)] * 1000, classes=range(1000), labels=labels)
    assert len(announced(Discovery("ha", Topics("framewire"), "1.0"), many)) == MOST


def test_a_name_cannot_break_out_of_its_template() -> None:
    hostile = detections(labels=("x'] }}{{ 1 \\",))
    found = announced(Discovery("ha", Topics("framewire"), "1.0"), hostile)
    template = list(found.values())[-1]["value_template"]
    assert template == "{{ value_json['classes']['x\\'] }}{{ 1 \\\\'] | default(0) }}"
