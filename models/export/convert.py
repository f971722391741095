"""From a spec and the original files to a graph: which family knows how."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from models.class_count import held_instead, wrong_labels
from models.errors import BadModel, BadWeights, OtherLength
from models.export.graph import Graph
from models.originals import digest
from models.spec import ModelSpec

FAMILIES: dict[str, str] = {
    "blazeface": "models.families.blazeface",
    "caption": "models.families.caption",
    "caption_encoder": "models.families.caption_encoder",
    "deeplab": "models.families.deeplab",
    "faceapi": "models.families.faceapi",
    "facemesh": "models.families.facemesh",
    "head": "models.families.head",
    "maskrcnn": "models.families.maskrcnn",
    "mobilenet": "models.families.mobilenet",
    "ternaus": "models.families.ternaus",
    "tinieryolo": "models.families.tinieryolo",
    "vgg16": "models.families.vgg16",
    "vggface": "models.families.vggface",
    "vrn": "models.families.vrn",
    "yolov2": "models.families.yolov2",
}
"""The module of each family, imported when it is needed: most import Keras."""


MOST_FILES: Mapping[str, int | None] = {"caption": 2, "faceapi": None, "head": 2, "yolov2": 2}
"""How many files a family reads, where that is not one: weights with a list of words or a `.cfg`,
a head with its convolutions, and a manifest with its shards, any number."""


class Family(Protocol):
    """What a module of `models/families/` offers."""

    def convert(self, spec: ModelSpec, files: Sequence[Path]) -> Graph:
        """The network with pictures in and results out, after the contract of the spec's task.

        files   the original weights, and what belongs to them (a `.cfg`, a list of words)
        raises  BadWeights naming the file, the tensor, what was wanted and what was got
        """
        ...


def family(name: str) -> Family:
    """The family of that name."""
    return cast("Family", import_module(FAMILIES[name]))


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """Read, check and convert; what lies in the first file must be what the spec was written for.

    raises  BadWeights if the file is another one, broken, or not of the spec's family, or if there
            are more than the family reads; BadModel if it was trained on another number of classes
            than there are labels
    """
    most = MOST_FILES.get(spec.family, 1)
    if most is not None and len(files) > most:
        got = ", ".join(file.name for file in files)
        raise BadWeights(f"files: wanted {most} at most, got {len(files)}: {got}")
    wanted = spec.origin.sha256 if spec.origin is not None else ""
    if wanted and (got := digest(files[0])) != wanted:
        raise BadWeights(f"{files[0]}: sha256: wanted {wanted}, got {got}")
    try:
        return family(spec.family).convert(spec, files)
    except OtherLength as error:
        if (held := held_instead(spec, error.wanted, error.got)) is None:
            raise
        raise BadModel(f"{files[0]}: {wrong_labels(held, len(spec.labels))}") from error
