"""Configs, with bytes broken and with values put out of place, and what lies beside a model."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random

import yaml

from models import BadModel
from models.sidecar import read_sidecar
from pipeline.config import ConfigError, Parts, installed_parts, parse_config
from tests.fuzz.subject import Parts as Pieces
from tests.fuzz.subject import Sample, Subject

REFERENCE = re.compile(r"\$\{([A-Z0-9_]+)\}")

ODD: tuple[object, ...] = (
    None, True, False, 0, -1, 2**31, 2**63, 10**40, 0.5, -1e308, float("nan"), float("inf"),
    "", " ", "\x00", "\ud83d\ude00", "a" * 5000, "a/" * 3000, "../../etc/passwd", "/dev/zero",
    "${SECRET}", "${MISSING}", "${", "${EMPTY:-${SECRET}}", "rtsp://u:p@[::1/x", "http://a:99999/",
    "file:///etc/passwd", "capture", "null", "x.py:Y", "./x.py:Y", ":", "a:b:c", "a.onnx",
    "blazeface-short", "detect.person > 0", "((((", "(" * 3000, "not " * 3000,
    "0.0.0.0:80", "127.0.0.1:99999", "redis://",
    [], [[]], {}, {"": ""}, {"a": {"a": {"a": {}}}}, ["a"] * 200, [None], {"x": [1, {"y": None}]},
)  # fmt: skip
"""Values that are seldom what is wanted."""


@cache
def environ() -> dict[str, str]:
    """What the examples want of their environment; code of their own is never run."""
    texts = [file.read_text("utf-8") for file in examples()]
    asked = {name: "rtsp://camera/main" for text in texts for name in REFERENCE.findall(text)}
    return {**asked, "SECRET": "hunter2", "EMPTY": "", "FRAMEWIRE_CUSTOM_STAGES": "off"}


def examples() -> list[Path]:
    return sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def parts() -> Parts:
    """The installed ones; models and sources are not looked for."""
    return installed_parts(ready=False)


def read(path: Path) -> None:
    parse_config(path.read_bytes(), path, environ(), parts=parts())


def whole() -> list[Sample]:
    return [Sample({"a.yaml": file.read_bytes()}) for file in examples()]


def in_pieces() -> list[Sample]:
    """Examples of which a seed says what is put where: broken, it is another seed."""
    trees = [yaml.safe_load(file.read_bytes()) for file in examples()]

    def pack(pieces: Pieces) -> Pieces:
        random = Random(pieces["seed"])
        tree = json.loads(json.dumps(random.choice(trees)))
        for _ in range(random.choice((1, 1, 1, 2, 5)) if pieces["seed"] != VALID else 0):
            _misplace(tree, random)
        return {"a.yaml": json.dumps(tree).encode()}

    return [Sample({"seed": VALID}, pack)]


VALID = bytes(16)
"""The seed of nothing put out of place."""


def _misplace(tree: object, random: Random) -> None:
    """Put another value, a value from elsewhere or another key somewhere into a tree."""
    places = list(_places(tree))
    if not places:
        return
    holder, key = random.choice(places)
    way = random.randrange(5)
    if way == 0 and isinstance(holder, dict):
        value = holder.pop(key)
        holder[random.choice((f"{key}x", "", "x-a", "<<", "from", "stage", "A b"))] = value
    elif way == 1:
        other, there = random.choice(places)
        holder[key] = json.loads(json.dumps(other[there]))
    elif way == 2:
        del holder[key]
    else:
        holder[key] = deepcopy(random.choice(ODD))


def _places(tree: object) -> Iterator[tuple[dict | list, object]]:
    """Every value that a mapping or a list in the tree holds, as its holder and its key."""
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in list(keys):
        yield tree, key
        yield from _places(tree[key])


SIDECAR = b"""\
task: detect
input: { width: 416, height: 416, order: rgb, fit: letterbox, pad: 0 }
labels: &names [cat, "dog"]
points: *names
licence: MIT
"""


def beside() -> list[Sample]:
    told = {"task": "classify", "input": {"width": 4, "height": 4}, "labels": ["a"]}
    return [Sample({"a.yaml": SIDECAR}), Sample({"a.yaml": json.dumps(told).encode()})]


def read_beside(path: Path) -> None:
    read_sidecar(path.with_suffix(".onnx"))


REFUSALS = (ConfigError,)
CONFIGS: dict[str, Subject] = {
    "config": Subject(read, whole, REFUSALS, named=False),
    "sidecar": Subject(read_beside, beside, (BadModel,), named=False),
    "config_tree": Subject(read, in_pieces, REFUSALS, named=False),
}
