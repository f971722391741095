"""Reads the constants of an ONNX file from elsewhere: initialisers and Constant nodes.

Field numbers are those of onnx/onnx.proto (IR version 10). The file is walked where it lies, since
parsing the message as a whole takes its size in memory once or twice before there is a tensor.
"""

import mmap
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import NoReturn

import numpy as np

from models.readers.protobuf import BYTES, FOUR_BYTES, Field, Message
from models.readers.stored import LONGEST_NAME, MOST_AXES, MOST_TENSORS, Checks, plain, widen
from models.readers.weights import Array, Stored, WeightFile, in_memory

GRAPH = 7  # of ModelProto
NODE, INITIALIZER, INPUT_INFO, OUTPUT_INFO, SPARSE_INITIALIZER = 1, 5, 11, 12, 15  # of GraphProto
INFO_NAME = 1  # of ValueInfoProto
OUTPUT, OP_TYPE, ATTRIBUTE = 2, 4, 5  # of NodeProto
# Of AttributeProto.
NAME, FLOAT, INT, TENSOR, SUBGRAPH, FLOATS, INTS, SUBGRAPHS = 1, 2, 3, 5, 6, 7, 8, 11
# Of TensorProto.
DIMS, DATA_TYPE, TENSOR_NAME, RAW, EXTERNAL, LOCATION = 1, 2, 8, 9, 13, 14
FLOAT_DATA, DOUBLE_DATA = 4, 10  # numbers as they are in memory
VARINT_DATA = {5: "int32_data", 7: "int64_data", 11: "uint64_data"}
TYPED = {FLOAT_DATA, DOUBLE_DATA, *VARINT_DATA}

# Numbers of TensorProto.DataType.
DTYPES: Mapping[int, np.dtype[np.generic]] = {
    1: np.dtype("<f4"),
    2: np.dtype("u1"),
    3: np.dtype("i1"),
    4: np.dtype("<u2"),
    5: np.dtype("<i2"),
    6: np.dtype("<i4"),
    7: np.dtype("<i8"),
    9: np.dtype("?"),
    10: np.dtype("<f2"),
    11: np.dtype("<f8"),
    12: np.dtype("<u4"),
    13: np.dtype("<u8"),
}


def read(path: Path) -> WeightFile:
    """Read where the constants lie: initialisers first, then Constant nodes by their output.

    returns  notes["empty"] are the names of constants without a number in them, such as the unused
             input of a Resize, notes["passed_over"] those of Constant nodes that hold text, and
             notes["inputs"] and notes["outputs"] what the graph says goes in and comes out
    raises   BadWeights naming the file, the tensor, what was wanted and what was got; also for
             data in other files, sparse data and subgraphs, which a plain network does not have
    """
    checks = Checks(path.name, path.stat().st_size)
    if not checks.size:
        checks.fail("file", "an ONNX file", "no bytes")
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source,
    ):
        return _Model(path, source, checks).weights()


@dataclass(slots=True)
class _Tensor:
    """The fields of a TensorProto."""

    name: str = ""
    shape: list[int] = field(default_factory=list)
    type: int = 0
    raw: Field | None = None
    typed: list[Field] = field(default_factory=list)


class _Model:
    def __init__(self, path: Path, source: mmap.mmap, checks: Checks) -> None:
        self._path = path
        self._checks = checks
        self._message = Message(source, checks, "message")
        self._tensors: dict[str, Stored] = {}
        self._empty: list[str] = []
        self._passed_over: list[str] = []
        self._ports: dict[int, list[str]] = {INPUT_INFO: [], OUTPUT_INFO: []}

    def weights(self) -> WeightFile:
        top = self._message.fields(0, self._checks.size)
        graphs = [f for f in top if f.number == GRAPH and f.wire == BYTES]
        if not graphs:
            self._fail("file", "an ONNX file with a graph", "none")
        nodes = []
        # A message that is written in parts is read as one: so writes models/export/graph.py.
        for part in (p for g in graphs for p in self._message.fields(g.start, g.end)):
            if part.wire != BYTES:
                continue
            if part.number in self._ports:
                self._ports[part.number] += self._info_name(part)
            elif part.number == INITIALIZER:
                tensor = self._tensor(part, "initialiser")
                self._add(tensor.name, self._stored(tensor, tensor.name))
            elif part.number == SPARSE_INITIALIZER:
                self._fail("graph", "dense initialisers", "a sparse one")
            elif part.number == NODE:
                nodes.append(part)
        for node in nodes:
            self._node(node)
        if not self._tensors:
            self._fail("graph", "constants", "none")
        notes = {
            "empty": tuple(self._empty),
            "passed_over": tuple(self._passed_over),
            "inputs": tuple(self._ports[INPUT_INFO]),
            "outputs": tuple(self._ports[OUTPUT_INFO]),
        }
        return WeightFile(self._path.name, self._tensors, notes)

    def _info_name(self, info: Field) -> list[str]:
        self._checks.count("inputs and outputs", sum(map(len, self._ports.values())), MOST_TENSORS)
        fields = self._message.fields(info.start, info.end)
        return [self._text(f) for f in fields if f.number == INFO_NAME and f.wire == BYTES]

    def _add(self, name: str, stored: Stored | None) -> None:
        if name in self._tensors or name in self._empty:
            self._fail(f"tensor {name}", "once", "twice")
        self._checks.count("tensors", len(self._tensors) + len(self._empty), MOST_TENSORS)
        if stored is None:
            self._empty.append(name)
        else:
            self._tensors[name] = stored

    def _node(self, node: Field) -> None:
        op, outputs, attributes = "", [], []
        for part in self._message.fields(node.start, node.end):
            if part.wire != BYTES:
                continue
            if part.number == OP_TYPE:
                op = self._text(part)
            elif part.number == OUTPUT:
                outputs.append(part)
            elif part.number == ATTRIBUTE:
                attributes.append(part)
        for attribute in attributes:
            parts = list(self._message.fields(attribute.start, attribute.end))
            if any(part.number in {SUBGRAPH, SUBGRAPHS} for part in parts):
                self._fail(f"node {op}", "no subgraphs", "one")
            if op == "Constant":
                if len(outputs) != 1 or len(attributes) != 1:
                    self._fail("node Constant", "one output, one attribute", len(outputs))
                self._constant(self._text(outputs[0]), parts)

    def _constant(self, name: str, parts: list[Field]) -> None:
        kind = "".join(self._text(p) for p in parts if p.number == NAME and p.wire == BYTES)
        if kind == "value":
            tensors = [p for p in parts if p.number == TENSOR and p.wire == BYTES]
            if len(tensors) != 1:
                self._fail(f"tensor {name}", "one value", len(tensors))
            self._add(name, self._stored(self._tensor(tensors[0], name), name))
        elif kind in {"value_float", "value_floats"}:
            found = [p for p in parts if p.number in {FLOAT, FLOATS}]
            self._add(name, self._list(found, np.dtype("<f4"), name, one=kind == "value_float"))
        elif kind in {"value_int", "value_ints"}:
            found = [p for p in parts if p.number in {INT, INTS}]
            self._add(name, self._list(found, np.dtype("<i8"), name, one=kind == "value_int"))
        elif kind in {"value_string", "value_strings"}:
            self._passed_over.append(name)
        else:
            self._fail(f"tensor {name}", "a dense value", f"attribute {kind}")

    def _list(
        self, fields: list[Field], dtype: np.dtype[np.generic], name: str, *, one: bool
    ) -> Stored | None:
        numbers = self._numbers(fields, dtype, name)
        if one and len(numbers) != 1:
            self._fail(f"tensor {name}", "one number", len(numbers))
        if not len(numbers):
            return None
        shape = () if one else numbers.shape
        self._checks.tensor(f"tensor {name}", shape, dtype)
        return in_memory(widen(numbers.reshape(shape)))

    def _tensor(self, whole: Field, where: str) -> _Tensor:
        tensor = _Tensor()
        for part in self._message.fields(whole.start, whole.end):
            if part.number == TENSOR_NAME and part.wire == BYTES:
                tensor.name = self._text(part)
                where = f"tensor {tensor.name}"
            elif part.number == DIMS:
                tensor.shape += self._message.varints(part)
            elif part.number == DATA_TYPE:
                tensor.type = part.value
            elif part.number == EXTERNAL or (part.number == LOCATION and part.value != 0):
                self._fail(where, "its numbers in this file", "in another file")
            elif part.number == RAW and part.wire == BYTES:
                if tensor.raw:
                    self._fail(where, "raw_data once", "twice")
                tensor.raw = part
            elif part.number in TYPED:
                tensor.typed.append(part)
        return tensor

    def _stored(self, tensor: _Tensor, name: str) -> Stored | None:
        """None for a tensor without a number in it."""
        where = f"tensor {name}"
        if not name:
            self._fail("tensor", "a name", "none")
        if tensor.type not in DTYPES:
            self._fail(f"{where}: data type", f"one of {sorted(DTYPES)}", tensor.type)
        self._checks.count(f"{where}: axes", len(tensor.shape), MOST_AXES)
        shape, dtype = tuple(tensor.shape), DTYPES[tensor.type]
        if 0 in shape and not tensor.raw and not tensor.typed:
            return None
        if 0 in shape and tensor.raw and tensor.raw.start == tensor.raw.end:
            return None
        if bool(tensor.raw) == bool(tensor.typed):
            self._fail(where, "raw_data or numbers", "both" if tensor.raw else "neither")
        straight = tensor.raw or self._straight(tensor.typed, dtype)
        if straight:
            wanted, got = prod(shape) * dtype.itemsize, straight.end - straight.start
            if got != wanted:
                self._fail(f"{where}: {shape} {dtype}", f"{wanted} bytes", got)
            return plain(self._path, where, self._checks, straight.start, shape, dtype)
        self._checks.tensor(where, shape, dtype)
        numbers = self._numbers(tensor.typed, dtype, name)
        if len(numbers) != prod(shape):
            self._fail(f"{where}: {shape}", f"{prod(shape)} numbers", len(numbers))
        return in_memory(widen(numbers.reshape(shape)))

    def _straight(self, typed: list[Field], dtype: np.dtype[np.generic]) -> Field | None:
        """The one field whose bytes are the tensor's."""
        kinds = {np.dtype("<f4"): FLOAT_DATA, np.dtype("<f8"): DOUBLE_DATA}
        packed = len(typed) == 1 and typed[0].wire == BYTES
        return typed[0] if packed and typed[0].number == kinds.get(dtype) else None

    def _numbers(self, fields: list[Field], dtype: np.dtype[np.generic], name: str) -> Array:
        """The numbers of fields that hold them one by one, or packed."""
        if dtype == np.dtype("<f4"):
            raw = b"".join(
                self._message.bytes(f, self._checks.size)
                for f in fields
                if f.wire in {BYTES, FOUR_BYTES}
            )
            if len(raw) % 4:
                self._fail(f"tensor {name}", "whole numbers of 4 bytes", f"{len(raw)} bytes")
            return np.frombuffer(raw, dtype)
        if dtype.kind == "f" and dtype.itemsize == 8:
            self._fail(f"tensor {name}", "packed numbers", "one by one")
        values = array("Q", self._varints(fields))
        # Negative numbers are written as if they had 64 bits, half floats as their 16 bits.
        whole = np.frombuffer(values, "<u8") if values else np.empty(0, "<u8")
        if dtype.kind == "f":
            return whole.astype("<u2").view(dtype)
        return whole.view("<i8").astype(dtype) if dtype.kind != "b" else whole != 0

    def _varints(self, fields: list[Field]) -> Iterator[int]:
        for part in fields:
            yield from self._message.varints(part)

    def _text(self, part: Field) -> str:
        try:
            return self._message.bytes(part, LONGEST_NAME).decode()
        except UnicodeDecodeError as error:
            return self._fail("name", "text in UTF-8", str(error))

    def _fail(self, where: str, wanted: str, got: object) -> NoReturn:
        self._checks.fail(where, wanted, got)
