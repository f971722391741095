"""A whole import: BlazeFace's file, down to the ONNX graph, broken in all that is not weights."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import tflite as schema

from models import MissingModel
from models.families import blazeface
from models.originals import find_original
from models.zoo import ZOO
from tests.fuzz.subject import Parts, Sample, Subject

SPEC = ZOO["blazeface-short"]
WEIGHTS = 64  # bytes of a buffer from which on it is left whole


def samples() -> list[Sample]:
    """The file in pieces between its weights; none if the package that holds it is not here."""
    try:
        data = find_original(SPEC).read_bytes()
    except (MissingModel, PackageNotFoundError):
        return []
    pieces: list[bytes] = []
    at = 0
    for start, end in _weights(data):
        pieces += [data[at:start], data[start:end]]
        at = end
    pieces.append(data[at:])
    names = [str(number) for number in range(len(pieces))]
    broken = {name: piece for name, piece in zip(names[::2], pieces[::2], strict=True) if piece}

    def pack(parts: Parts) -> Parts:
        found = zip(names, pieces, strict=True)
        return {"a.tflite": b"".join(parts.get(name, piece) for name, piece in found)}

    return [Sample(broken, pack)]


def _weights(data: bytes) -> list[tuple[int, int]]:
    """Where the larger buffers lie, in the file's order."""
    model = schema.Model.GetRootAs(data, 0)
    found = []
    for index in range(model.BuffersLength()):
        buffer = model.Buffers(index)
        if buffer is not None and buffer.DataLength() >= WEIGHTS:
            table = buffer._tab
            start = table.Vector(table.Offset(4))
            found.append((start, start + buffer.DataLength()))
    return sorted(found)


def convert(path: Path) -> None:
    blazeface.convert(SPEC, [path])


IMPORTERS: dict[str, Subject] = {"import": Subject(convert, samples)}
