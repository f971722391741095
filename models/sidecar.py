"""The file beside a user's own ONNX file, which says what the file cannot: task, input, labels.

task: detect                   # or another of models.spec.CONTRACTS
input: { width: 416, height: 416, order: rgb, fit: letterbox }
labels: [cat, dog]
"""

from pathlib import Path
from typing import Annotated

import msgspec

from models.errors import BadModel, MissingModel
from models.files import written_whole
from models.spec import Fit, Input, ModelSpec, Order, Task

SUFFIXES = (".yaml", ".yml", ".json")


class _Picture(msgspec.Struct, forbid_unknown_fields=True):
    width: Annotated[int, msgspec.Meta(gt=0)]
    height: Annotated[int, msgspec.Meta(gt=0)]
    order: Order = "rgb"
    fit: Fit = "letterbox"
    pad: Annotated[int, msgspec.Meta(ge=0, le=255)] = 114


class _Sidecar(msgspec.Struct, forbid_unknown_fields=True):
    task: Task
    input: _Picture
    labels: tuple[str, ...]
    points: tuple[str, ...] = ()
    licence: str = "not stated"
    source: str = "not stated"


def read_sidecar(model: Path) -> ModelSpec:
    """What is said of an ONNX file beside it.

    raises  MissingModel if nothing is, BadModel if it cannot be read
    """
    for suffix in SUFFIXES:
        if (beside := model.with_suffix(suffix)).is_file():
            return _read(beside)
    raise MissingModel(
        f"{model}: wanted {model.with_suffix('.yaml').name} beside it, with task, input and labels"
    )


def write_sidecar(model: Path, spec: ModelSpec) -> Path:
    """Say of an ONNX file that was made from a spec what the spec says; returns where."""
    told = _Sidecar(
        task=spec.task,
        input=_Picture(
            spec.input.width, spec.input.height, spec.input.order, spec.input.fit, spec.input.pad
        ),
        labels=spec.labels,
        points=spec.points,
        licence=spec.licence,
        source=spec.source,
    )
    beside = model.with_suffix(".yaml")
    with written_whole(beside) as part:
        part.write_bytes(msgspec.yaml.encode(told))
    return beside


def _read(file: Path) -> ModelSpec:
    decode = msgspec.json.decode if file.suffix == ".json" else msgspec.yaml.decode
    try:
        told = decode(file.read_bytes(), type=_Sidecar)
    except msgspec.DecodeError as error:
        raise BadModel(f"{file}: {error}") from error
    size = told.input
    return ModelSpec(
        name=file.stem,
        family="own",
        task=told.task,
        input=Input(size.width, size.height, size.order, size.fit, pad=size.pad),
        labels=told.labels,
        licence=told.licence,
        source=told.source,
        origin=None,
        points=told.points,
    )
