"""Reads a .tflite file: its tensors and operators as plain data, all that is needed to convert it.

Strict: what is not understood is an error, and a broken or lying file raises BadWeights, whatever
its bytes are. Nothing is allocated that the file's own size does not account for. The schema comes
from the package `tflite`, which is needed when a model is converted and not when it runs.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import NoReturn, TypeVar

import numpy as np
import tflite
from numpy.typing import NDArray

from models.errors import BadWeights
from models.readers.network import (
    Activation,
    Adding,
    Array,
    Convolution,
    Joining,
    Network,
    Operator,
    Options,
    Padding,
    Pooling,
    Resizing,
    Tensor,
)

T = TypeVar("T")

# Far above any real network, low enough that a lying length costs nothing.
MOST_TENSORS = 20_000  # and operators
MOST_AXES = 8
MOST_OPERANDS = 256
LONGEST_NAME = 1_000
LARGEST_STEP = 10_000  # pixels
# float32 out of int8 is four times as large; twice that, for tensors that share a buffer.
MOST_GROWTH = 8

DTYPES = {
    tflite.TensorType.FLOAT32: "float32",
    tflite.TensorType.FLOAT16: "float16",
    tflite.TensorType.INT32: "int32",
    tflite.TensorType.INT64: "int64",
    tflite.TensorType.INT16: "int16",
    tflite.TensorType.INT8: "int8",
    tflite.TensorType.UINT8: "uint8",
    tflite.TensorType.BOOL: "bool",
}
OPERATORS = {
    code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)
}
ACTIVATIONS: dict[int, Activation] = {
    tflite.ActivationFunctionType.NONE: "none",
    tflite.ActivationFunctionType.RELU: "relu",
    tflite.ActivationFunctionType.RELU6: "relu6",
}
PADDINGS: dict[int, Padding] = {tflite.Padding.SAME: "same", tflite.Padding.VALID: "valid"}
OPTIONS = {
    "ADD": tflite.AddOptions,
    "AVERAGE_POOL_2D": tflite.Pool2DOptions,
    "CONCATENATION": tflite.ConcatenationOptions,
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "MAX_POOL_2D": tflite.Pool2DOptions,
    "RESIZE_BILINEAR": tflite.ResizeBilinearOptions,
}


def read(path: Path) -> Network:
    """Read a file from disk.

    raises  BadWeights naming the file, the tensor or operator, what was wanted and what was got
    """
    return parse(path.read_bytes(), path.name)


def parse(data: bytes, file: str) -> Network:
    """Read a file's bytes; `file` is its name in errors. Raises as `read` does."""
    if data[4:8] != b"TFL3":
        raise BadWeights(f"{file}: wanted a .tflite file (TFL3 at byte 4), got {data[4:8]!r}")
    try:
        return _Parser(data, file).network()
    except (struct.error, ValueError, IndexError, TypeError) as error:
        # An offset that points out of the file, seen by the schema's own accessors.
        raise BadWeights(f"{file}: cut short or broken, {error}") from error


class _Parser:
    def __init__(self, data: bytes, file: str) -> None:
        self._data = data
        self._file = file
        self._model = tflite.Model.GetRootAs(data, 0)
        self._budget = MOST_GROWTH * len(data)

    def network(self) -> Network:
        if (count := self._model.SubgraphsLength()) != 1:
            self._fail("subgraphs", "1", count)
        graph = self._there("subgraph 0", self._model.Subgraphs(0))
        self._limit("tensors", graph.TensorsLength(), MOST_TENSORS)
        tensors = [
            self._tensor(self._there(f"tensor {i}", graph.Tensors(i)), i)
            for i in range(graph.TensorsLength())
        ]
        self._limit("operators", graph.OperatorsLength(), MOST_TENSORS)
        operators = [
            self._operator(self._there(f"operator {i}", graph.Operators(i)), i, len(tensors))
            for i in range(graph.OperatorsLength())
        ]
        inputs = self._numbers("inputs", graph.InputsLength(), graph.Inputs, len(tensors))
        outputs = self._numbers("outputs", graph.OutputsLength(), graph.Outputs, len(tensors))
        kept = self._fold(tensors, operators)
        self._check_order(tensors, kept, inputs, outputs)
        return Network(self._file, tuple(tensors), tuple(kept), inputs, outputs)

    def _tensor(self, raw: tflite.Tensor, index: int) -> Tensor:
        name = raw.Name() or b""
        self._limit(f"tensor {index}: bytes of its name", len(name), LONGEST_NAME)
        where = f"tensor {index} {name.decode('utf-8', 'replace')!r}"
        self._limit(f"{where}: axes", raw.ShapeLength(), MOST_AXES)
        shape = tuple(raw.Shape(i) for i in range(raw.ShapeLength()))
        if any(n < 1 for n in shape):
            self._fail(f"{where}: shape", "positive numbers", shape)
        if raw.Type() not in DTYPES:
            self._fail(f"{where}: type", f"one of {sorted(DTYPES.values())}", f"code {raw.Type()}")
        if raw.Sparsity() is not None:
            self._fail(f"{where}: layout", "dense", "sparse")
        dtype = DTYPES[raw.Type()]
        data = self._constant(raw, where, shape, dtype)
        kept = dtype if data is None else data.dtype.name
        return Tensor(name.decode("utf-8", "replace"), shape, kept, data)

    def _constant(
        self, raw: tflite.Tensor, where: str, shape: tuple[int, ...], dtype: str
    ) -> Array | None:
        """The tensor's own bytes as an array, or None if it has none."""
        self._index(f"{where}: buffer", raw.Buffer(), self._model.BuffersLength())
        buffer = self._there(f"{where}: buffer", self._model.Buffers(raw.Buffer()))
        if buffer.Offset() > 1:
            self._fail(f"{where}: buffer", "inside the model", "one that is appended to it")
        if not (length := buffer.DataLength()):
            return None
        wanted = prod(shape) * np.dtype(dtype).itemsize
        if length != wanted:
            self._fail(f"{where}: {shape} {dtype}", f"{wanted} bytes", length)
        stored = _array(buffer.DataAsNumpy()).view(np.dtype(dtype).newbyteorder("<"))
        quantised = dtype not in {"float32", "float16", "bool"} and _has_scale(raw)
        becomes = "float32" if quantised or dtype == "float16" else dtype
        self._budget -= prod(shape) * np.dtype(becomes).itemsize
        if self._budget < 0:
            self._fail(f"{where}: constants", f"at most {MOST_GROWTH} times the file", "more")
        array = (
            self._dequantised(raw, where, stored.reshape(shape))
            if quantised
            else stored.reshape(shape).astype(becomes)
        )
        if array.dtype == np.float32 and not np.isfinite(array).all():
            self._fail(f"{where}: values", "finite numbers", "NaN or infinity")
        array.flags.writeable = False
        return array

    def _dequantised(self, raw: tflite.Tensor, where: str, stored: Array) -> NDArray[np.float32]:
        """(value - zero point) * scale, with one scale for all or one for each step of an axis."""
        quantisation = self._there(f"{where}: quantisation", raw.Quantization())
        count, zeros = quantisation.ScaleLength(), quantisation.ZeroPointLength()
        along = [1] * stored.ndim
        if count > 1:
            axis = self._index(f"{where}: axis", quantisation.QuantizedDimension(), stored.ndim)
            if count != stored.shape[axis]:
                self._fail(f"{where}: scales", f"1 or {stored.shape[axis]}", count)
            along[axis] = count
        if zeros not in {0, count}:
            self._fail(f"{where}: zero points", f"0 or {count}", zeros)
        scale = _array(quantisation.ScaleAsNumpy()).astype(np.float64).reshape(along)
        if not np.isfinite(scale).all() or (scale <= 0).any():
            self._fail(f"{where}: scales", "positive numbers", "others")
        shifted = stored.astype(np.float64)
        if zeros:
            shifted -= _array(quantisation.ZeroPointAsNumpy()).astype(np.float64).reshape(along)
        return np.asarray(shifted * scale, np.float32)

    def _operator(self, raw: tflite.Operator, index: int, tensors: int) -> Operator:
        self._index(f"operator {index}: code", raw.OpcodeIndex(), self._model.OperatorCodesLength())
        code = self._there("operator code", self._model.OperatorCodes(raw.OpcodeIndex()))
        number = code.BuiltinCode()
        if number not in OPERATORS:
            self._fail(f"operator {index}", "one of the schema", f"code {number}")
        name = OPERATORS[number]
        if name == "CUSTOM":
            custom = (code.CustomCode() or b"")[:LONGEST_NAME]
            name = f"CUSTOM {custom.decode('utf-8', 'replace')}"
        where = f"operator {index} {name}"
        return Operator(
            name=name,
            inputs=self._numbers(f"{where}: inputs", raw.InputsLength(), raw.Inputs, tensors, -1),
            outputs=self._numbers(f"{where}: outputs", raw.OutputsLength(), raw.Outputs, tensors),
            options=self._options(raw, name, where),
        )

    def _options(self, raw: tflite.Operator, name: str, where: str) -> Options:
        if name not in OPTIONS:
            return None
        kind = OPTIONS[name]
        if raw.BuiltinOptionsType() != getattr(tflite.BuiltinOptions, kind.__name__):
            self._fail(f"{where}: options", kind.__name__, f"code {raw.BuiltinOptionsType()}")
        table = self._there(f"{where}: options", raw.BuiltinOptions())
        options = kind()
        options.Init(table.Bytes, table.Pos)
        if kind is tflite.ResizeBilinearOptions:
            return Resizing(options.AlignCorners(), options.HalfPixelCenters())
        activation = self._one_of(
            f"{where}: activation", options.FusedActivationFunction(), ACTIVATIONS
        )
        if kind is tflite.AddOptions:
            return Adding(activation)
        if kind is tflite.ConcatenationOptions:
            return Joining(options.Axis(), activation)
        padding = self._one_of(f"{where}: padding", options.Padding(), PADDINGS)
        stride = self._pair(f"{where}: stride", options.StrideH(), options.StrideW())
        if kind is tflite.Pool2DOptions:
            window = self._pair(f"{where}: window", options.FilterHeight(), options.FilterWidth())
            return Pooling(window, stride, padding, activation)
        dilation = self._pair(
            f"{where}: dilation", options.DilationHFactor(), options.DilationWFactor()
        )
        return Convolution(stride, dilation, padding, activation)

    def _fold(self, tensors: list[Tensor], operators: list[Operator]) -> list[Operator]:
        """Give the constants that DEQUANTIZE makes to those who read them; keep what is left."""
        kept = []
        for operator in operators:
            ends = (*operator.inputs, *operator.outputs)
            if operator.name != "DEQUANTIZE" or len(ends) != 2 or -1 in ends:
                kept.append(operator)
                continue
            stored, made = tensors[ends[0]], tensors[ends[1]]
            if stored.data is None:
                kept.append(operator)
            elif (stored.shape, stored.dtype) != (made.shape, made.dtype):
                self._fail(
                    f"DEQUANTIZE of {stored.name!r}",
                    f"{stored.shape} {stored.dtype}",
                    f"{made.shape} {made.dtype}",
                )
            else:
                tensors[ends[1]] = replace(made, data=stored.data)
        return kept

    def _check_order(
        self,
        tensors: list[Tensor],
        operators: list[Operator],
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        """Every tensor is made once, and before it is read."""
        ready = {i for i, tensor in enumerate(tensors) if tensor.data is not None}
        for number in inputs:
            self._make(tensors, ready, number, "an input")
        for operator in operators:
            for number in operator.inputs:
                if number >= 0 and number not in ready:
                    self._fail(f"{operator.name}: {tensors[number].name!r}", "made before", "not")
            for number in operator.outputs:
                self._make(tensors, ready, number, operator.name)
        for number in outputs:
            if number not in ready:
                self._fail(f"output {tensors[number].name!r}", "made by an operator", "not made")

    def _make(self, tensors: list[Tensor], ready: set[int], number: int, by: str) -> None:
        if number in ready:
            self._fail(f"{tensors[number].name!r}", "made once", f"made again by {by}")
        ready.add(number)

    def _numbers(
        self, where: str, count: int, get: Callable[[int], int], below: int, least: int = 0
    ) -> tuple[int, ...]:
        """A vector of `count` tensor numbers, each from `least` up to and without `below`."""
        self._limit(where, count, MOST_OPERANDS)
        return tuple(self._index(where, get(i), below, least) for i in range(count))

    def _pair(self, where: str, down: int, across: int) -> tuple[int, int]:
        return (
            self._index(where, down, LARGEST_STEP, 1),
            self._index(where, across, LARGEST_STEP, 1),
        )

    def _there(self, where: str, value: T | None) -> T:
        if value is None:
            self._fail(where, "one", "none")
        return value

    def _one_of(self, where: str, code: int, known: Mapping[int, T]) -> T:
        if code not in known:
            self._fail(where, f"one of {list(known.values())}", f"code {code}")
        return known[code]

    def _index(self, where: str, got: int, below: int, least: int = 0) -> int:
        if not least <= got < below:
            self._fail(where, f"{least} to {below - 1}", got)
        return got

    def _limit(self, where: str, got: int, most: int) -> None:
        if got > most:
            self._fail(where, f"at most {most}", got)

    def _fail(self, where: str, wanted: str, got: object) -> NoReturn:
        raise BadWeights(f"{self._file}: {where}: wanted {wanted}, got {got}")


def _has_scale(raw: tflite.Tensor) -> bool:
    quantisation = raw.Quantization()
    return quantisation is not None and quantisation.ScaleLength() > 0


def _array(values: object) -> Array:
    """A vector of the schema, a view on the file's bytes; the schema says 0 where it is absent."""
    return values if isinstance(values, np.ndarray) else np.empty(0, np.uint8)
